"""The tables of the proof in Markdown: as measured, and in short for the README."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

from reliability.channels import CHANNELS
from reliability.faults import FAULTS, OWN_FAULTS, PLACES, Ending, absent
from reliability.moments import BEFORE_THE_ID, MOMENTS, Moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reliability.channels import Channel
    from reliability.faults import Fault, Place

Death: TypeAlias = tuple[str, str, int, str | None]
"""[moment, channel, charges, state afterwards] of one run."""

Cell: TypeAlias = "tuple[str, Place, str, int, int, str]"
"""[fault, place, channel, charges, exit code, state] of one cell."""

_KNOWN = ("saved", "ready", "queued", "running", "uncertain", "failed", "expired")
"""States of a job that may be charged; any other would have forgotten it."""


def deaths(measured: Sequence[Death]) -> str:
    """A row for each moment."""
    found: defaultdict[str, list[tuple[int, str | None]]] = defaultdict(list)
    for name, _, charges, state in measured:
        found[name].append((charges, state))
    rows = [_death(moment, found[moment.name]) for moment in MOMENTS]
    header = ("killed", "runs", "charges", "most for one job", "after `imgen wait`")
    return f"\n{len(measured)} runs ended by SIGKILL\n\n{_table(header, rows)}"


def _death(moment: Moment, runs: Sequence[tuple[int, str | None]]) -> tuple[str, ...]:
    states = Counter(state or "no job" for _, state in runs)
    then = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    charges = [charges for charges, _ in runs]
    return moment.name, str(len(runs)), str(sum(charges)), str(max(charges, default=0)), then


def endings(measured: Sequence[Cell]) -> str:
    """A row for each fault that any service can meet, then the services' own; then the cells that there are not."""
    found: defaultdict[tuple[str, Place], Counter[str]] = defaultdict(Counter)
    most = 0
    for name, place, _, charges, code, state in measured:
        found[name, place][f"{code} {'queued' if state == 'running' else state}"] += 1
        most = max(most, charges)
    rows = [(fault.name, *(_seen(found[fault.name, place]) for place in PLACES)) for fault in FAULTS]
    header = ("fault", *(f"{place}: exit, state" for place in PLACES))
    own = [(own.name, own.channel, own.place, _seen(found[own.name, own.place]), own.why) for own in OWN_FAULTS]
    without = [(str(len(each)), reason, _where(each)) for reason, each in absent().items()]
    return (
        f"\n{len(measured)} faults met; at most {most} charge for one job\n\n{_table(header, rows)}"
        f"\n{_table(('own answer', 'of', 'to', 'exit, state', 'because'), own)}"
        f"\n{_table(('cells', 'that there are not, because', 'at'), without)}"
    )


def _where(cells: Sequence[tuple[Fault, Place, Channel]]) -> str:
    """The places and channels of cells, each once."""
    places = dict.fromkeys(place for _, place, _ in cells)
    channels = dict.fromkeys(channel.name for *_, channel in cells)
    return f"{', '.join(places)} of {', '.join(channels)}"


def channels(deaths: Sequence[Death], cells: Sequence[Cell]) -> str:
    """A row for each channel: what was tried there, and what became of what was charged."""
    rows = []
    for name in CHANNELS:
        died = [(charges, state or "no job") for _, channel, charges, state in deaths if channel == name]
        met = [(charges, state) for _, _, channel, charges, _, state in cells if channel == name]
        both = [*died, *met]
        counts = (
            len(died),
            len(met),
            sum(charges for charges, _ in both),
            sum(charges > 1 for charges, _ in both),
            sum(charges > 0 and state not in _KNOWN for charges, state in both),
            sum(state == "uncertain" for _, state in both),
        )
        rows.append((name, *map(str, counts)))
    header = ("channel", "killed", "faults", "charged", "charged twice", "forgotten", "uncertain")
    return f"\n{_table(header, rows)}"


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
        listed = moment.charged and "uncertain" in states and moment.meets(CHANNELS["gmicloud"])
        kept = moment.name == BEFORE_THE_ID
        found = f"; {'saved where the answer holds the picture, and' if kept else 'saved'} where its list has the job"
        return "once" if moment.charged else "no", f"{states}{found}" if listed else states

    groups = [([one.name for one in same], how) for how, same in groupby(MOMENTS, end)]
    return _table(("killed", "charged", "after `imgen wait`"), [(_from_to(names), *how) for names, how in groups])


def short_endings() -> str:
    """Classes of faults that come to the same, together."""
    kinds: defaultdict[str, list[Fault]] = defaultdict(list)
    for fault in FAULTS:
        kinds[fault.kind].append(fault)
    groups: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for kind, faults in kinds.items():
        queue, once = CHANNELS["reapi"], CHANNELS["openai"]
        cells = [[fault.at("submit", once) for fault in faults]]
        cells += [[fault.at(place, queue) for fault in faults] for place in ("submit", "poll", "picture")]
        groups[tuple(_short(each) for each in cells)].append(kind)
    rows = [(", ".join(kinds), *ends) for ends, kinds in groups.items()]
    header = (
        "what happens",
        "to an order whose answer has the picture",
        "to any other order",
        "to a question about the job",
        "to the picture",
    )
    return _table(header, rows)


def _from_to(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 3 else f"{names[0]}, and {len(names) - 1} moments more, up to: {names[-1]}"


def _short(ends: Iterable[Ending | str]) -> str:
    every = [end for end in ends if isinstance(end, Ending)]
    each = dict.fromkeys(end.words for end in every)
    words = " or ".join(one for one in each if not any(one != other and one in other for other in each))
    codes = " or ".join(dict.fromkeys(str(end.code.value) for end in every))
    return f"{codes} {words}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
