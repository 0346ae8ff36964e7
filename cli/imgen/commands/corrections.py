"""What a wrong command line was probably meant to be: the whole of it, ready to be run.

A word is corrected only to what it is spelled like; no command that costs money is offered for another one.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from shlex import quote
from typing import TYPE_CHECKING

from imgen.commands.several_files import PICTURES
from imgen.errors import SANDBOX_EXAMPLE, ImgenError, KeyMissing, Problem, UsageProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import typer

    from imgen.completion.tree import Command, Option

_PAYING = ("generate", "edit", "again")
_WITH_EFFECT = (*_PAYING, "set", "remove", "cancel", "forget")
_ALIKE, _ALIKE_WITH_EFFECT = 0.6, 0.75  # from 0 to 1
_HABITS = {
    **dict.fromkeys(("login", "auth", "signin"), "keys set"),
    "logout": "keys remove",
    **dict.fromkeys(("stop", "abort", "kill"), "cancel"),
    **dict.fromkeys(("create", "make", "draw", "imagine", "image", "new"), "generate"),
    **dict.fromkeys(("list", "ls", "log", "search"), "history"),
    **dict.fromkeys(("jobs", "ps"), "status"),
    **dict.fromkeys(("view", "info", "inspect"), "show"),
    **dict.fromkeys(("settings", "setup"), "config"),
    **dict.fromkeys(("spending", "usage", "billing"), "costs"),
    **dict.fromkeys(("get", "fetch", "pull"), "download"),
    **dict.fromkeys(("env", "check", "diagnose"), "doctor"),
}
"""What other tools call it."""

_HABITS_OF_KEYS = {**dict.fromkeys(("get", "show", "status", "path"), "list"), "add": "set", "delete": "remove"}

_STANDS_LAST = "A prompt that begins with a hyphen stands last, after --."
_PROMPTS_ELSEWHERE = ("--prompt-file", "--edit-prompt", "--prompt")
_LIKE_A_PROMPT = re.compile(r"-[^-a-zA-Z]|-[^=]*\s")

_WHOLE = re.compile(r"('[^']*') is not a valid int(eger)?( range)?")
_OF_OPTION = re.compile(r"Invalid value for '(-[\w-]+)'(?: / '(?:-[\w-]+)')*: ")
_NUMBER = re.compile(r"('[^']*') is not a valid float( range)?")


def corrected(error: ImgenError, arguments: Sequence[str]) -> Problem:
    """The problem of a command line that was read, with the corrected line where one word of it was mistyped."""
    problem = error.problem
    if not isinstance(error, KeyMissing | UsageProblem):
        return problem
    line = _read(arguments)
    if isinstance(error, KeyMissing):
        return _in_the_sandbox(problem, line)
    if found := _only_hyphens(line):
        return found
    if prompt := _prompt_behind_an_option(line):
        return Problem(
            problem.code,
            f"There is no prompt: -p names a service, and {prompt!r} was taken for one.",
            _written(_without_option(line, prompt)),
        )
    if error.addition:
        return problem._replace(hint=_written(_added(line, *error.addition)))
    if error.correction is None:
        return problem
    mistyped, meant = error.correction
    anew = [_with_value(each, mistyped, meant) for each in arguments]
    if anew == list(arguments):
        return problem
    said = f"{problem.message} {problem.hint.rstrip('.')}." if problem.hint else problem.message
    return Problem(problem.code, said, _written(anew))


def long_option(word: str, arguments: Sequence[str]) -> str | None:
    """The option that a word with one hyphen is the long name of, with its value; None for another word."""
    line = _read(arguments)
    options = [line.arguments[at] for at in line.options]
    name = f"-{word.partition('=')[0]}"
    return f"-{word}" if word in options and _option(line.command, name) else None


def values_in(arguments: Sequence[str]) -> set[int]:
    """The places of words that are values of an option."""
    return set(_read(arguments).values.values())


def misread(error: typer.TyperException, arguments: Sequence[str]) -> Problem:
    """The problem of a command line that could not be read."""
    line = _read(arguments)
    found = (
        _unknown_command(line)
        or _only_hyphens(line)
        or _unknown_option(error, line)
        or _unquoted(error, line)
        or _no_job(error, line)
    )
    if found:
        return found
    message = _NUMBER.sub(r"\1 is not a number", _WHOLE.sub(r"\1 is not a whole number", error.format_message()))
    message = _OF_OPTION.sub(r"\1: ", message)
    message = message if message.endswith((".", "?")) else f"{message}."
    return Problem("usage", message, _help(line))


@dataclass(slots=True)
class _Line:
    """A command line as the tree of commands reads it: `words` and `options` are places in `arguments`.

    `values` are the places of the values that stand behind an option, by the option's own place.
    """

    arguments: list[str]
    command: Command
    name: list[str] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    options: list[int] = field(default_factory=list)
    values: dict[int, int] = field(default_factory=dict)

    def word(self, number: int) -> str:
        """A word that is no option, value or command."""
        return self.arguments[self.words[number]]


def _read(arguments: Sequence[str]) -> _Line:
    from imgen.completion.tree import tree

    line = _Line(list(arguments), tree())
    at, options_ended = 0, False
    while at < len(line.arguments):
        each = line.arguments[at]
        if each == "--" and not options_ended:
            options_ended = True
        elif each.startswith("-") and each != "-" and not options_ended:
            line.options.append(at)
            if _takes_next(line.command, each):
                line.values[at] = at + 1
                at += 1
        elif each in line.command["commands"] and not line.words:
            line.name.append(each)
            line.command = line.command["commands"][each]
        else:
            line.words.append(at)
        at += 1
    line.values = {option: value for option, value in line.values.items() if value < len(line.arguments)}
    return line


def _takes_next(command: Command, word: str) -> bool:
    """Whether the value of an option is the word behind it."""
    if word.startswith("--"):
        return "=" not in word and _option(command, word) is not None and _has_value(command, word)
    for index, letter in enumerate(word[1:], 2):
        if _has_value(command, f"-{letter}"):
            return len(word) == index
    return False


def _option(command: Command, name: str) -> Option | None:
    return next((option for option in command["options"] if name in option["names"]), None)


def _has_value(command: Command, name: str) -> bool:
    found = _option(command, name)
    return found is not None and found["noun"] is not None


def _unknown_command(line: _Line) -> Problem | None:
    from imgen_providers.catalog import SERVICES

    commands = line.command["commands"]
    if not commands or not line.words:
        return None
    typed, place = line.word(0), line.words[0]
    if line.name:
        near = _HABITS_OF_KEYS.get(typed) if line.name == ["keys"] else None
        near = near or _spelled_like(typed, commands)
    else:
        near = _HABITS.get(typed.lower()) or _spelled_like(typed, commands)
        if near is None and (" " in typed or len(line.words) > 2):
            prompt = " ".join(line.arguments[each] for each in line.words)
            sandbox = [] if "--sandbox" in line.arguments else ["--sandbox"]
            anew = ["generate", prompt, *_others(line, line.words), *sandbox]
            return Problem("usage", f"{_cut(typed)!r} is no command: a prompt follows `generate`.", _written(anew))
    if near is None:
        return Problem("usage", f"There is no command {typed!r}.", _help(line))
    anew = [*line.arguments[:place], *near.split(), *line.arguments[place + 1 :]]
    if line.name == ["keys"] or near.startswith("keys"):  # what stands behind may be a key, and is not repeated
        anew = [*line.name, *near.split()]
        anew += [next(iter(SERVICES))] if anew[-1] in ("set", "remove") else []
    again = _read(anew)
    if again.name == ["generate"] and len(again.words) > 1:
        anew = ["generate", " ".join(map(again.word, range(len(again.words)))), *_others(again, again.words)]
    return Problem("usage", f"There is no command {typed!r}. Did you mean {near}?", _written(anew))


def _spelled_like(typed: str, known: Iterable[str]) -> str | None:
    """The known word that is begun or almost spelled; one that pays must be spelled closer."""
    names, low = list(known), typed.lower()
    begun = [name for name in names if len(low) > 1 and name.startswith(low)]
    if len(begun) == 1:
        return begun[0]
    for name in difflib.get_close_matches(low, names, n=3, cutoff=_ALIKE):
        if name not in _WITH_EFFECT or difflib.SequenceMatcher(None, low, name).ratio() >= _ALIKE_WITH_EFFECT:
            return name
    return None


def _unknown_option(error: typer.TyperException, line: _Line) -> Problem | None:
    if type(error).__name__ != "NoSuchOption":
        return None
    name = str(getattr(error, "option_name", ""))
    known = [each for option in line.command["options"] for each in option["names"] if each.startswith("--")]
    near = _spelled_like_option(name, known)
    may_be_prompt = not line.words and line.name in (["generate"], ["edit"]) and "=" not in name
    if near is None and may_be_prompt and " " in name:
        anew = [each for each in line.arguments if each not in (name, "--")]
        return Problem("usage", f"There is no option {name}. {_STANDS_LAST}", _written([*anew, "--", name]))
    if near is None and may_be_prompt:  # a line that pays is not offered for what may be a mistyped option
        return Problem("usage", f"There is no option {name}. {_STANDS_LAST}", _help(line))
    if near is None:
        own = f"As a parameter in the service's own words: --option {name.lstrip('-')}=VALUE\n"
        orders = line.name[:1] and line.name[0] in _PAYING
        return Problem("usage", f"There is no option {name}.", f"{own if orders else ''}{_help(line)}")
    anew = [near + each.removeprefix(name) if _named(each, name) else each for each in line.arguments]
    return Problem("usage", f"There is no option {name}. Did you mean {near}?", _written(anew))


def _spelled_like_option(name: str, known: Sequence[str]) -> str | None:
    plain = {each.lstrip("-"): each for each in known}
    begun = [each for each in plain if len(name) > 3 and each.startswith(name.lstrip("-"))]
    if len(begun) == 1:
        return plain[begun[0]]
    near = difflib.get_close_matches(name.lstrip("-").lower(), plain, n=1, cutoff=0.7)
    return plain[near[0]] if near and len(name) > 3 else None


def _prompt_like_an_option(line: _Line) -> str | None:
    """The one word that reads as a prompt and begins with a hyphen, where the command takes a prompt."""
    prompts = [line.arguments[at] for at in line.options if _LIKE_A_PROMPT.match(line.arguments[at])]
    return prompts[0] if line.name[:1] and line.name[0] in ("generate", "edit") and len(prompts) == 1 else None


def _only_hyphens(line: _Line) -> Problem | None:
    """A prompt that begins with a hyphen and was read as options, where the line has no other one."""
    if line.words or any(_named(line.arguments[at], name) for at in line.options for name in _PROMPTS_ELSEWHERE):
        return None
    prompt = _prompt_like_an_option(line)
    if prompt is None:
        return None
    anew = [each for each in line.arguments if each not in (prompt, "--")]
    return Problem("usage", _STANDS_LAST, _written([*anew, "--", prompt]))


def _no_job(error: typer.TyperException, line: _Line) -> Problem | None:
    """A command about jobs without any."""
    if line.name not in (["cancel"], ["forget"]) or "Missing argument" not in error.format_message():
        return None
    return Problem("usage", f"imgen {line.name[0]} takes the id of a job.", "Which jobs are open:\nimgen status")


def _in_the_sandbox(problem: Problem, line: _Line) -> Problem:
    """The hint of a missing key with the user's own command, which needs none in the sandbox."""
    whole = line.words or line.name not in (["generate"], ["edit"])  # else its prompt came through a pipe
    takes_it = whole and _option(line.command, "--sandbox")
    if not takes_it or problem.hint is None or SANDBOX_EXAMPLE not in problem.hint:
        return problem
    return problem._replace(hint=problem.hint.replace(SANDBOX_EXAMPLE, _written(_added(line, "--sandbox"))))


def _added(line: _Line, *words: str) -> list[str]:
    """The line with more options, before the words that are none."""
    at = line.arguments.index("--") if "--" in line.arguments else len(line.arguments)
    return [*line.arguments[:at], *words, *line.arguments[at:]]


def _unquoted(error: typer.TyperException, line: _Line) -> Problem | None:
    """A prompt without quotes, or pictures behind the prompt of an edit."""
    if (
        line.name not in (["generate"], ["edit"])
        or len(line.words) < 2
        or "extra argument" not in error.format_message()
    ):
        return None
    words = [line.arguments[each] for each in line.words]
    pictures = [word for word in words if _is_picture(word)] if line.name == ["edit"] else []
    prompt = " ".join(word for word in words if word not in pictures)
    options = [each for picture in pictures for each in ("-i", picture)]
    anew = [*line.name, *([prompt] if prompt else []), *options, *_others(line, line.words)]
    said = "A picture to edit is named with -i." if pictures else "The prompt needs quotes, so that it is one word."
    return Problem("usage", said, _written(anew))


def _is_picture(word: str) -> bool:
    return word.lower().endswith(PICTURES)


def _others(line: _Line, left_out: Iterable[int]) -> list[str]:
    """The options with their values, without the command and these words."""
    gone = set(left_out)
    inside = range(len(line.name), len(line.arguments))
    return [line.arguments[at] for at in inside if at not in gone and line.arguments[at] != "--"]


def _prompt_behind_an_option(line: _Line) -> str | None:
    """What was written behind -p or -m, where there is no prompt and it has a space in it."""
    if line.name not in (["generate"], ["edit"]) or line.words:
        return None
    values = [line.arguments[at] for option, at in line.values.items() if line.arguments[option] in ("-p", "--prompt")]
    return next((value for value in values if " " in value.strip()), None)


def _without_option(line: _Line, prompt: str) -> list[str]:
    option = next(option for option, at in line.values.items() if line.arguments[at] == prompt)
    rest = [each for at, each in enumerate(line.arguments) if at not in (option, option + 1)]
    return [*line.name, prompt, *rest[len(line.name) :]]


def _named(word: str, option: str) -> bool:
    return word == option or word.startswith(f"{option}=")


def _with_value(word: str, mistyped: str, meant: str) -> str:
    """A word of the line with the value that was meant, also where it is joined to its option: `-pgmi`, `-p=x`."""
    if word == mistyped:
        return meant
    joined = re.fullmatch(rf"(-[a-zA-Z]|--[a-z-]+=){re.escape(mistyped)}", word)
    return joined[1] + meant if joined else word


def _help(line: _Line) -> str:
    return " ".join(["imgen", *line.name, "--help"])


def _written(words: Sequence[str]) -> str:
    """The command as a person would type it."""
    return " ".join(["imgen", *map(_quoted, words)])


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word and not re.search(r'["$`\\!\n]', word) else quote(word)


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
