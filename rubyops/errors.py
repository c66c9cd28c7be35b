"""The errors of rubyops. The docstring of a class is its default message."""

from rubyops.model.exit_code import ExitCode


class RubyopsError(Exception):
    """The command failed."""

    exit_code = ExitCode.FAILED

    def __init__(
        self,
        message: str | None = None,
        *,
        next_command: str | None = None,
        details: dict[str, object] | None = None,
    ) -> None:
        """Keep the message, the command that the user may type next, and details as data."""
        self.message = message or " ".join((self.__doc__ or "").split())
        self.next_command = next_command
        self.details = details or {}
        super().__init__(self.message)


class UsageError(RubyopsError):
    """The command line or a document it names is not valid."""

    exit_code = ExitCode.USAGE


class PlaybookInvalid(UsageError):
    """The playbook is not valid."""


class Refused(RubyopsError):
    """A guard refused; nothing was changed."""

    exit_code = ExitCode.REFUSED


class LockHeld(Refused):
    """Another run holds the environment's lock."""


class LockLost(Refused):
    """This run was overtaken by another one; it changes nothing any more."""


def overtaken(reason: str) -> LockLost:
    """Make the error for a refused fencing token; `reason` says which part refused it."""
    message = f"another run has taken over: {reason}"
    return LockLost(message, next_command="rubyops lock show")


class Overruled(Refused):
    """Somebody else changed the freeze; this run changes nothing any more."""


class JournalUnwritable(Refused):
    """The journal cannot be written, so nothing is done."""


class JournalUnreadable(UsageError):
    """The journal of a run cannot be read."""


class StateDamaged(RubyopsError):
    """A file of the environment's own state cannot be read."""


class NoSecret(RubyopsError):
    """The environment has no secret of that name."""


class StateUnwritable(RubyopsError):
    """A file of the environment's own state cannot be written."""


class Unreachable(RubyopsError):
    """The environment cannot be reached."""

    exit_code = ExitCode.UNREACHABLE


class NotThere(Unreachable):
    """The environment, its database or the schema in it was not made yet."""


class CheckFailed(RubyopsError):
    """A check failed."""

    exit_code = ExitCode.CHECK_FAILED


class Inconclusive(CheckFailed):
    """Nothing was there to look at, so nothing was proved."""


class TimedOut(RubyopsError):
    """The awaited state did not come in time."""

    exit_code = ExitCode.TIMED_OUT


class OutcomeUnknown(RubyopsError):
    """The outcome of an effect is unknown."""

    exit_code = ExitCode.UNKNOWN


class WriteAttempted(Refused):
    """A reading part of the toolkit tried to write, and the server refused it."""


class Interrupted(RubyopsError):
    """Stopped at a safe point, as asked."""

    exit_code = ExitCode.INTERRUPTED


class Terminated(Interrupted):
    """Stopped at a safe point by SIGTERM."""

    exit_code = ExitCode.TERMINATED
