"""The exit codes of a `rubyops` process (SPEC 2.4)."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit code of a command; `help exit-codes` prints its `meaning`."""

    DONE = 0, "done, or nothing to do"
    FAILED = 1, "failed"
    USAGE = 2, "wrong usage: an option, a value, or a playbook that is not valid"
    REFUSED = 3, "refused by a guard; nothing was changed by the refused step"
    UNREACHABLE = 4, "the environment, or a part of it, cannot be reached"
    CHECK_FAILED = 5, "a gate or a check failed, or could not be decided"
    STOPPED = 6, "stopped at a planned point; `rubyops runs resume` goes on"
    UNKNOWN = 7, "the outcome of an effect is unknown; look before repeating"
    TIMED_OUT = 8, "a bound was reached before the awaited state"
    WAITING = 9, "waiting for a person"
    HAS_CHANGES = 10, "the plan has changes (only with --detailed-exitcode)"
    INTERRUPTED = 130, "interrupted (SIGINT); resumable"
    TERMINATED = 143, "terminated (SIGTERM); resumable"

    meaning: str

    def __new__(cls, value: int, meaning: str) -> "ExitCode":
        """Use the number as the value, and keep the sentence as an attribute."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member
