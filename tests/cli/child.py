"""Another imgen on the same machine: `python -m cli.child PART ARGUMENT...`, run with the tests as its folder."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path

from cli.drafts import draft, taken
from cli.ledgers import open_at
from imgen.config.config import Config
from imgen.errors import OverBudget
from imgen.jobs.clock import SystemClock
from imgen.jobs.session import open_sound
from imgen.money.amounts import parse_amounts
from imgen.money.budget import Budget, Limit, Span
from imgen.records import Cost


def open_at_once(name: str) -> None:
    """For each line "MOMENT LEDGER": wait for the moment, then record a job in a ledger that may not exist yet."""
    print("ready", flush=True)
    for line in sys.stdin:
        moment, path = line.rstrip("\n").split(" ", 1)
        while time.time() < float(moment):
            pass
        ledger = open_at(path)
        ledger.jobs.plan([draft(name)], name, resubmit=False)
        ledger.close()
        print("recorded", flush=True)


def write_much(path: str, name: str, jobs: int) -> None:
    """Take many jobs from their plan to their acceptance."""
    ledger = open_at(path)
    for number in range(jobs):
        job_id = f"{name}-{number}"
        ledger.jobs.plan([draft(job_id, prompt=job_id)], name, resubmit=False)
        assert ledger.jobs.submitting(job_id)
        ledger.jobs.accepted(job_id, taken(f"remote {job_id}"))
    ledger.close()


def spend(path: str, name: str) -> None:
    """Wait for the moment that is read, then order as many dimes' worth as two dollars a day allow; say how many."""
    limits = Budget((Limit(Span.DAY, parse_amounts("2 usd"), "a test"),))
    print("ready", flush=True)
    moment, planned = float(sys.stdin.readline()), 0
    while time.time() < moment:
        pass
    ledger = open_at(path)
    with suppress(OverBudget):
        while True:
            dime = draft(f"{name}-{planned}", prompt=name, provider="gmicloud", cost=Cost("0.1", "usd"))
            ledger.jobs.plan([dime], name, resubmit=False, budget=limits)
            planned += 1
    ledger.close()
    print(planned, flush=True)


def leave_open(path: str, part: str) -> None:
    """Own one job of each kind, say so, and live until that is ended."""
    ledger = open_at(path)
    owner = ledger.new_owner()
    names = ("planned", "sent", "queued", "ready")
    ledger.jobs.plan([draft(name, prompt=name) for name in names], owner.name, resubmit=False)
    for name in names[1:]:
        ledger.jobs.submitting(name)
    for name in names[2:]:
        ledger.jobs.accepted(name, taken(f"remote {name}"))
    ledger.jobs.finished("ready", ["https://x/1"], link_seconds=None, took_seconds=None, conversation=None)
    Path(part).write_bytes(b"half a picture")
    ledger.results.claim("ready", 1, Path(part), owner.name)
    print(owner.name, flush=True)
    sys.stdin.read()


def open_sound_ledger(home: str) -> None:
    """Open a ledger as a command does; say how many jobs it has, and how much there was to be said."""
    said: list[str] = []
    ledger = open_sound(Config({"IMGEN_HOME": home}, Path(home)), SystemClock(), said.append)
    print(len(ledger.jobs.find("")), len(said), flush=True)
    ledger.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["open", name]:
            open_at_once(name)
        case ["write", ledger, name, jobs]:
            write_much(ledger, name, int(jobs))
        case ["spend", ledger, name]:
            spend(ledger, name)
        case ["leave", ledger, part]:
            leave_open(ledger, part)
        case ["sound", home]:
            open_sound_ledger(home)
        case other:
            raise SystemExit(f"no such part: {other}")
