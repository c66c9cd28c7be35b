"""The error of a command, with the command to type next."""

from collections.abc import Mapping
from dataclasses import dataclass

from rubyops.errors import RubyopsError
from rubyops.views.next_line import in_environment
from rubyops.views.view import Item, View


@dataclass(frozen=True)
class ErrorFacts:
    """The error in words; `next` is the command to type next."""

    message: str
    next: str | None
    details: Mapping[str, object]


@dataclass(frozen=True)
class ErrorView(View):
    """The answer of a command that ended with an error."""

    schema = "rubyops.error/v1"
    error: ErrorFacts

    @property
    def results(self) -> tuple[Item[object], ...]:
        """No items, because the error came instead."""
        return ()

    @property
    def beside(self) -> Mapping[str, object]:
        """The error."""
        return {"error": self.error}


def error_view(fault: RubyopsError, environment: str | None) -> ErrorView:
    """Return the view of an error, with `next` completed for this environment."""
    next_line = in_environment(fault.next_command, environment)
    return ErrorView(ErrorFacts(fault.message, next_line, fault.details))
