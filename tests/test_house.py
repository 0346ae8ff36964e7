"""Which module may import which, read from the imports themselves: those for types and those in functions too."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CLI = ROOT / "cli" / "imgen"
PROVIDERS = ROOT / "providers" / "imgen_providers"

ROOMS = (
    "errors",
    "installation",
    "files",
    "crash",
    "config",
    "pictures",
    "records",
    "money",
    "ledger",
    "orders",
    "jobs",
    "fleet",
    "batch",
    "screen",
    "completion",
    "commands",
    "redact_arguments",
    "__main__",
)
"""The modules and folders of `imgen`: each imports only itself and what stands before it."""

COMPLETION_IMPORTS = {
    "errors",
    "config",
    "records",
    "money.amounts",
    "ledger.sqlite.peek",
    "screen.schemas",
    "completion",
}
"""What a TAB may load of `imgen`: never the engine, a service or the whole ledger."""

SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|PRAGMA) \w")

_OF_ENVIRONMENT = {"environ", "getenv", "expandvars"}

MOST_FILES = 20  # in one folder, but for those with one file a command or a view
MANY_FILES = ("commands", "screen")
MOST_FILE_LINES = 500
MOST_FUNCTION_LINES = 60


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


@cache
def imports(path: Path) -> set[str]:
    """Every module a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


def reads_environment(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    if not any(name in text for name in _OF_ENVIRONMENT):
        return False
    names = {node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}
    return bool(names & _OF_ENVIRONMENT) and "os" in imports(path)


def named(paths: list[Path]) -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


def module_name(path: Path) -> str:
    """What a file of ours is imported as."""
    folder = CLI.parent if path.is_relative_to(CLI) else PROVIDERS.parent
    return ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")


@cache
def ours() -> dict[str, frozenset[str]]:
    """Every module of both packages, with the modules of ours that it imports."""
    names = {module_name(path): path for path in (*modules(CLI), *modules(PROVIDERS))}
    return {name: frozenset(imports(path) & names.keys() - {name}) for name, path in names.items()}


def room(module: str) -> str:
    """The room of `imgen` that a module is in."""
    return module.split(".")[1]


def tracked(*below: str) -> list[str]:
    """The files that git keeps, and those it would with the next `git add`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *below],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("this is no clone: what belongs to the repository is not known")
    return sorted({name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()})


def test_every_room_has_its_place() -> None:
    found = {room(name) for name in ours() if name.startswith("imgen.")}

    assert found <= set(ROOMS)


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_only_what_stands_before_it(name: str) -> None:
    before = set(ROOMS[: ROOMS.index(name) + 1])
    upward = {
        f"{module} -> {imported}"
        for module, found in ours().items()
        if module.startswith("imgen.") and room(module) == name
        for imported in found
        if imported.startswith("imgen.") and room(imported) not in before
    }

    assert not upward


def test_errors_import_nothing_of_ours() -> None:
    assert not ours()["imgen.errors"]


def test_a_tab_loads_little() -> None:
    allowed = {f"imgen.{name}" for name in COMPLETION_IMPORTS}
    heavy = {
        f"{module} -> {imported}"
        for module, found in ours().items()
        if module.startswith("imgen.completion")
        for imported in found
        if imported.startswith("imgen.") and not any(f"{imported}.".startswith(f"{one}.") for one in allowed)
    }

    # `ledger` and `screen` are empty packages, imported on the way to the one module of theirs.
    assert not {
        edge for edge in heavy if not edge.endswith((" -> imgen.ledger", " -> imgen.ledger.sqlite", " -> imgen.screen"))
    }


def test_there_is_no_circle() -> None:
    try:
        TopologicalSorter(ours()).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_sql_stands_in_the_ledger_only() -> None:
    found = {path for path in (*modules(CLI), *modules(PROVIDERS)) if "sqlite3" in packages(path) or has_sql(path)}

    assert len(found) > 5
    assert {path for path in found if not path.is_relative_to(CLI / "ledger")} == set()


def has_sql(path: Path) -> bool:
    """Whether a text in the file is SQL."""
    constants = (
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Constant)
    )
    return any(isinstance(each.value, str) and SQL.search(each.value) for each in constants)


def test_folders_are_small_enough_to_read_their_listing() -> None:
    folders = {path.parent for path in modules(CLI)} - {CLI / name for name in MANY_FILES}
    full = {folder.relative_to(CLI): len(list(folder.glob("*.py"))) for folder in folders}

    assert {folder: files for folder, files in full.items() if files > MOST_FILES} == {}


@pytest.mark.parametrize("path", named([*modules(CLI), *modules(PROVIDERS)]))
def test_files_and_functions_can_be_read_at_once(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_FILE_LINES

    long = {
        node.name: length
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and (length := function_lines(node, path)) > MOST_FUNCTION_LINES
    }
    assert not long


def function_lines(node: ast.FunctionDef, path: Path) -> int:
    """The lines of a function; of a command its body only, for its signature is the list of its options."""
    first = node.body[0].lineno if path.parent == CLI / "commands" else node.lineno
    return (node.end_lineno or first) - first + 1


@pytest.mark.parametrize("path", named(modules(PROVIDERS)))
def test_the_far_side_knows_no_command_line(path: Path) -> None:
    assert not packages(path) & {"imgen", "typer", "rich", "platformdirs", "filelock", "pathvalidate"}


@pytest.mark.parametrize("path", named([PROVIDERS / f"{n}.py" for n in ("base", "catalog", "errors")]))
def test_the_interface_and_the_catalogue_need_the_standard_library_only(path: Path) -> None:
    outside = packages(path) & {"httpx", "pydantic", "PIL", "stamina"}

    assert not outside


def services() -> list[Path]:
    from imgen_providers.catalog import SERVICES

    entries = SERVICES.values()
    return [PROVIDERS / f"{entry.implementation.split(':')[0].split('.')[1]}.py" for entry in entries]


@pytest.mark.parametrize("path", named(services()))
def test_a_service_file_imports_only_the_interface_the_client_and_the_errors(path: Path) -> None:
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("imgen_providers.")}

    # "conversation" is GMI Cloud's, kept apart so that it can be tested alone.
    shared_wire_modules = {"assets", "fields", "identifiers", "json_text", "image_answers", "pixels"}
    shared_wire_modules |= {"gemini_wire", "gemini_batches"}
    assert ours <= {"base", "client", "errors", "conversation", *shared_wire_modules}


@pytest.mark.parametrize("path", named(services()))
def test_a_service_never_sleeps_or_reads_the_clock(path: Path) -> None:
    assert not packages(path) & {"time", "threading", "sched", "asyncio"}


@pytest.mark.parametrize("path", named(modules(PROVIDERS / "sandbox")))
def test_the_sandbox_shares_no_table_and_no_code_with_the_services(path: Path) -> None:
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("imgen_providers.")}

    assert ours <= {"sandbox"}


def test_httpx_is_imported_by_the_client_and_the_download_module_only() -> None:
    found = {path for path in (*modules(CLI), *modules(PROVIDERS)) if "httpx" in packages(path)}

    parts = ("client", "network", "proxies", "submission", "exchanges", "content_coding", "peers", "signed_urls")
    of_the_client = {PROVIDERS / f"{name}.py" for name in parts}
    of_tests = PROVIDERS / "testing" / "far_side.py"

    assert found <= {*of_the_client, of_tests, CLI / "pictures" / "download.py"}
    assert PROVIDERS / "client.py" in found


def test_only_the_screen_knows_rich() -> None:
    assert {path.parent for path in modules(CLI) if "rich" in packages(path)} == {CLI / "screen"}


def test_only_main_and_the_commands_know_typer() -> None:
    found = {path for path in modules(CLI) if "typer" in packages(path)}

    assert {path.parent for path in found} == {CLI, CLI / "commands"}
    assert {path for path in found if path.parent == CLI} == {CLI / "__main__.py"}


@pytest.mark.parametrize("path", named([*modules(CLI), *modules(PROVIDERS)]))
def test_the_environment_is_read_in_one_room(path: Path) -> None:
    assert not reads_environment(path) or path.parent == CLI / "config"


def test_folders_come_from_one_room() -> None:
    assert {path.parent for path in modules(CLI) if "platformdirs" in packages(path)} == {CLI / "config"}


def test_one_phase_may_submit_and_one_dispatcher_starts_it() -> None:
    """`jobs/submit.py` has the one call of a service's `submit`, and only `jobs/follow.py` imports that phase."""
    callers = {
        path.relative_to(CLI).as_posix()
        for path in modules(CLI)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "submit"
    }
    importers = {path.relative_to(CLI).as_posix() for path in modules(CLI) if "imgen.jobs.submit" in imports(path)}

    assert callers == {"jobs/submit.py"}
    assert importers == {"jobs/follow.py"}


def test_the_top_level_is_as_it_was_agreed() -> None:
    agreed = {
        "cli",
        "providers",
        "tests",
        "completions",
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
    }

    # What git keeps, not what lies there: a picture that was made here is no part of the repository.
    found = {name.split("/")[0] for name in tracked()}

    assert {name for name in found if not name.startswith(".")} == agreed


@pytest.mark.parametrize("package", ["cli", "providers"])
def test_no_room_is_named_after_nothing(package: str) -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}

    assert not {path.stem for path in (ROOT / package).rglob("*.py")} & vague
