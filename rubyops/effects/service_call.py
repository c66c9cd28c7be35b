"""Call a route of a service as the operator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rubyops.effects.base import Effect, EffectContext, Outcome, Traits
from rubyops.errors import OutcomeUnknown, Refused, RubyopsError
from rubyops.ports import EffectIdentity, HttpAnswer

_CLIENT_FAULTS = range(400, 500)


class ServiceCallPort(Protocol):
    """Sends the request of an effect. Raises `LockLost`, `OutcomeUnknown`."""

    def call(
        self,
        identity: EffectIdentity,
        effect: "CallService",
        before_each: Callable[[], None],
    ) -> HttpAnswer:
        """Call the route; the request id is the same for every try of this effect.

        `before_each` is called before every try, and ends the call by raising an error.
        """


@dataclass(frozen=True)
class CallService(Effect[ServiceCallPort]):
    """Call one route of one process, with a request id derived from the effect's id."""

    process: str
    method: Literal["POST", "PUT"]
    path: str
    body: dict[str, object] = field(default_factory=dict)
    brand_id: str | None = None

    traits = Traits(changes_platform=True)

    def describe(self) -> str:
        """Name the route."""
        return f"{self.method} {self.path} on {self.process}"

    def carry_out(self, port: ServiceCallPort, context: EffectContext) -> Outcome:
        """Call the route. Raises `Refused` if the service declines, else `OutcomeUnknown`."""
        answer = port.call(context.identity, self, context.may_go_on)
        details: dict[str, object] = {"status": answer.status, "answer": answer.body}
        if 200 <= answer.status < 300:
            return Outcome("ok", f"{self.describe()} answered {answer.status}", details)
        raise self._error(answer, details)

    def _error(self, answer: HttpAnswer, details: dict[str, object]) -> RubyopsError:
        message = f"{self.describe()} {_said(answer)}"
        if answer.status in _CLIENT_FAULTS or _declined(answer):
            return Refused(message, details=details)
        return OutcomeUnknown(
            f"{message}; whether it took effect is unknown. Its request id makes a repeat safe.",
            details=details,
        )


def _declined(answer: HttpAnswer) -> bool:
    """Whether a 503 comes from the service, as its error code shows, and not from a proxy."""
    return answer.status == 503 and isinstance(answer.body, Mapping) and "code" in answer.body


def _said(answer: HttpAnswer) -> str:
    if answer.status == 0:
        return f"gave no answer ({answer.error})"
    body = answer.body if isinstance(answer.body, Mapping) else {}
    return f"answered {answer.status} {body.get('code', '')}: {body.get('message', answer.body)}"
