"""The service call port: calls services as the operator, under the run's fencing token."""

from collections.abc import Callable
from uuid import NAMESPACE_URL, uuid5

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_result,
    stop_after_attempt,
    wait_exponential,
)

from rubyops.adapters.access import Access
from rubyops.adapters.http import CallClient, encode, not_overtaken
from rubyops.effects.service_call import CallService, ServiceCallPort
from rubyops.errors import LockLost, OutcomeUnknown, Unreachable
from rubyops.ports import EffectIdentity, HttpAnswer
from wallet_runtime.contract.headers import FENCE_HEADER, REQUEST_ID_HEADER

CALL_ATTEMPTS = 4
_PASSING = (0, 502, 504)


class ServiceCalls:
    """Implements `ServiceCallPort`."""

    def __init__(self, client: CallClient) -> None:
        """Send the calls through this client."""
        self._client = client

    def call(
        self, identity: EffectIdentity, effect: CallService, before_each: Callable[[], None]
    ) -> HttpAnswer:
        """Send the request of the effect; retry it up to three times when no answer comes.

        Each try has the same request id, so the service replays the answer of an earlier try.
        `before_each` is called before each try and may raise.
        """
        unanswered: list[HttpAnswer] = []

        def attempt() -> HttpAnswer:
            try:
                before_each()
                answer = self._send(identity, effect)
            except LockLost as lost:
                if not unanswered:
                    raise
                raise _unknown(effect.describe(), lost) from lost
            unanswered.append(answer)
            return answer

        return _patient()(attempt)

    def _send(self, identity: EffectIdentity, effect: CallService) -> HttpAnswer:
        headers = {
            **self._client.operator_headers(effect.brand_id),
            REQUEST_ID_HEADER: str(uuid5(NAMESPACE_URL, identity.effect_id)),
            FENCE_HEADER: str(identity.token),
        }
        body = encode(effect.body)
        answer = self._client.send(effect.process, effect.method, effect.path, headers, body)
        return not_overtaken(answer, identity)


def connect(access: Access) -> ServiceCallPort:
    """Build the service call port."""
    return ServiceCalls(access.client)


def _patient() -> Retrying:
    return Retrying(
        retry=retry_if_result(_is_passing),
        stop=stop_after_attempt(CALL_ATTEMPTS),
        wait=wait_exponential(0.2, max=2),
        retry_error_callback=_last_answer,
    )


def _unknown(call: str, lost: LockLost) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{call} was sent and not answered, and then {lost.message}. Whether the first try took "
        "effect is unknown; its request id makes a repeat safe.",
        next_command=lost.next_command,
    )


def _is_passing(answer: HttpAnswer) -> bool:
    return answer.status in _PASSING


def _last_answer(state: RetryCallState) -> HttpAnswer:
    if state.outcome is None:
        raise Unreachable("no call was made")
    answer: HttpAnswer = state.outcome.result()
    return answer
