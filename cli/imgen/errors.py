"""What can end a command, and the exit code each end has: the one table, from which help, README and tests come."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

SANDBOX_EXAMPLE = 'imgen generate "a red fox in the snow" --sandbox'
"""A first command that costs nothing: what hints name where an order is the next step."""


class ExitCode(IntEnum):
    """Why the program ended; `meaning` is the sentence people read."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> ExitCode:
        code = int.__new__(cls, value)
        code._value_ = value
        code.meaning = meaning
        return code

    DONE = 0, "everything asked for is done"
    BUG = 1, "a bug, or an answer that imgen does not understand"
    USAGE = 2, "usage: found wrong here, before anything was sent"
    KEY = 3, "key or configuration missing or refused (401, 403)"
    REFUSED = 4, "refused by the service: invalid, or content policy (also after acceptance)"
    FAILED = 5, "the job failed or was cancelled there"
    UNREACHABLE = 6, "unreachable or rate limited; nothing sent"
    UNFINISHED = 7, "not finished here yet: stopped waiting, not paying"
    PARTIAL = 8, "some done, some not; or fewer pictures than ordered"
    NO_CREDIT = 9, "not enough credit, or over the budget"
    UNCERTAIN = 10, "uncertain: may have been charged"
    EXPIRED = 11, "paid, but the link expired before the picture was saved"
    NOT_SAVED = (
        12,
        (
            "paid, not saved yet (disk, permission, damaged or failing download): `imgen download ID` fetches it; "
            "or the ledger cannot be opened (nothing sent)"
        ),
    )
    DIFFERENT = 13, "`batch --check`: assets are not what the manifest says"
    INTERRUPTED = 130, "Ctrl-C; jobs go on, and the command to come back is printed"


class Problem(NamedTuple):
    """Why a job is where it is: a stable code for programs, a sentence and the next step for people.

    The lines of a `hint` are sentences, or whole commands that can be copied: those begin with `imgen`.
    """

    code: str
    message: str
    hint: str | None = None


class ImgenError(Exception):
    """A failure that the user caused or can mend; `main` prints its problem and exits with its code."""

    exit_code = ExitCode.BUG
    code = "bug"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def problem(self) -> Problem:
        """The same for people and programs."""
        return Problem(self.code, self.message, self.hint)


class UsageProblem(ImgenError):
    """The command line asks for something that cannot be; nothing was sent.

    `about` is the setting whose value it is, for an order that took it from the person's settings. `correction` is
    the word that is wrong and the one that was probably meant, `addition` the words that make the line whole.
    """

    exit_code = ExitCode.USAGE
    code = "usage"

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        about: str | None = None,
        correction: tuple[str, str] | None = None,
        addition: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, hint)
        self.about = about
        self.addition = addition
        self.correction = correction


class KeyMissing(ImgenError):
    """No key for the service."""

    exit_code = ExitCode.KEY
    code = "key_missing"


class BadConfiguration(ImgenError):
    """A setting cannot be used as it stands."""

    exit_code = ExitCode.KEY
    code = "configuration"


class LedgerUnusable(ImgenError):
    """The ledger cannot be opened or written, so nothing may be sent."""

    exit_code = ExitCode.NOT_SAVED
    code = "ledger"


class LedgerDamaged(LedgerUnusable):
    """The ledger's file holds what SQLite cannot read; the next command keeps it aside and makes a new one of it."""


class OutputLost(ImgenError):
    """What was asked for cannot be written to standard output; every picture is at the path in the ledger."""

    exit_code = ExitCode.NOT_SAVED
    code = "output"


class PictureUnreachable(ImgenError):
    """A picture that an edit is to go on from could not be fetched this time; nothing was sent."""

    exit_code = ExitCode.UNREACHABLE
    code = "unreachable"


class StillUncertain(ImgenError):
    """The same request was sent before, and whether it was charged is not known yet."""

    exit_code = ExitCode.UNCERTAIN
    code = "uncertain"


class OverBudget(ImgenError):
    """The order would cost more than a limit leaves, or cannot be compared with it; nothing was sent."""

    exit_code = ExitCode.NO_CREDIT
    code = "over_budget"


class NotAdopted(ImgenError):
    """A job that is not in the ledger is unknown to its service too, or the service did not answer."""

    def __init__(self, problem: Problem, exit_code: ExitCode) -> None:
        super().__init__(problem.message, problem.hint)
        self.code = problem.code
        self.exit_code = exit_code
