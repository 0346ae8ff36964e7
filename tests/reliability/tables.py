"""The tables of the proof in Markdown: as measured, and in short for the README."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

from reliability.faults import FAULTS, PLACES
from reliability.moments import MOMENTS, Moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reliability.faults import Ending, Place


def deaths(measured: Sequence[tuple[str, int, str | None]]) -> str:
    """A row for each moment, from [moment, charges, state afterwards] of every run."""
    found: defaultdict[str, list[tuple[int, str | None]]] = defaultdict(list)
    for name, charges, state in measured:
        found[name].append((charges, state))
    rows = [_death(moment, found[moment.name]) for moment in MOMENTS]
    header = ("killed", "runs", "charges", "most for one job", "after `imgen wait`")
    return f"\n{len(measured)} runs ended by SIGKILL\n\n{_table(header, rows)}"


def _death(moment: Moment, runs: Sequence[tuple[int, str | None]]) -> tuple[str, ...]:
    states = Counter(state or "no job" for _, state in runs)
    then = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    charges = [charges for charges, _ in runs]
    return moment.name, str(len(runs)), str(sum(charges)), str(max(charges, default=0)), then


def endings(measured: Sequence[tuple[str, Place, str, int, int, str]]) -> str:
    """A row for each fault, from [fault, place, service, charges, exit code, state] of every cell."""
    found: defaultdict[tuple[str, Place], Counter[str]] = defaultdict(Counter)
    most = 0
    for name, place, _, charges, code, state in measured:
        found[name, place][f"{code} {'queued' if state == 'running' else state}"] += 1
        most = max(most, charges)
    rows = [(fault.name, *(_seen(found[fault.name, place]) for place in PLACES)) for fault in FAULTS]
    header = ("fault", *(f"{place}: exit, state" for place in PLACES))
    return f"\n{len(measured)} faults met; at most {most} charge for one job\n\n{_table(header, rows)}"


def _seen(ends: Counter[str]) -> str:
    """One end, or several with how many services came to each."""
    return " / ".join(f"{end} ×{number}" if len(ends) > 1 else end for end, number in ends.most_common())


def attempts(tried: Sequence[tuple[int, str, str, str, str]]) -> str:
    """A row for each attempt, from [hole, kind, what was tried, what must come of it, how its test ended]."""
    ends = {"passed": "held", "failed": "NOT HELD", "skipped": "not tried on this machine"}
    rows = [
        (str(line) if line else "", kind, words, outcome if end == "passed" else ends[end])
        for line, kind, words, outcome, end in sorted(tried, key=lambda row: (row[1], row[0], row[2]))
    ]
    held = sum(end == "passed" for *_, end in tried)
    header = ("hole", "kind", "tried", "what came of it")
    return f"\n{len(tried)} attempts; {held} held\n\n{_table(header, rows)}"


def short_deaths() -> str:
    """Moments that come to the same, together."""

    def end(moment: Moment) -> tuple[str, str]:
        states = " or ".join(state.value for state in moment.states) or "no job"
        listed = moment.charged and moment.states_at("gmicloud") != moment.states
        return "once" if moment.charged else "no", f"{states}; at GMI Cloud, saved" if listed else states

    groups = [([one.name for one in same], how) for how, same in groupby(MOMENTS, end)]
    return _table(("killed", "charged", "after `imgen wait`"), [(_from_to(names), *how) for names, how in groups])


def short_endings() -> str:
    """Classes of faults that come to the same, together."""
    groups: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for kind in dict.fromkeys(fault.kind for fault in FAULTS):
        faults = [fault for fault in FAULTS if fault.kind == kind]
        groups[tuple(_short(getattr(fault, place) for fault in faults) for place in PLACES)].append(kind)
    rows = [(", ".join(kinds), *ends) for ends, kinds in groups.items()]
    return _table(("what happens", "to the order", "to a question about the job", "to the picture"), rows)


def _from_to(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 3 else f"{names[0]}, and {len(names) - 1} moments more, up to: {names[-1]}"


def _short(ends: Iterable[Ending]) -> str:
    every = list(ends)
    each = dict.fromkeys(end.words for end in every)
    words = " or ".join(one for one in each if not any(one != other and one in other for other in each))
    codes = " or ".join(dict.fromkeys(str(end.code.value) for end in every))
    return f"{codes} {words}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
