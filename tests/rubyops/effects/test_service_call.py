"""The outcome of a service call follows the answer; without an answer it is unknown."""

from collections.abc import Callable

import pytest

from rubyops.effects.service_call import CallService
from rubyops.errors import LockLost, OutcomeUnknown, Refused
from rubyops.ports import EffectIdentity, HttpAnswer
from tests.rubyops.effects.contexts import IDENTITY, Around

CALL = CallService("wallet_service", "PUT", "/internal/x", {"version": 1})


class Answering:
    """A stub of the port that returns a fixed answer."""

    def __init__(self, answer: HttpAnswer) -> None:  # noqa: D107
        self.answer = answer

    def call(
        self, identity: EffectIdentity, effect: CallService, before_each: Callable[[], None]
    ) -> HttpAnswer:
        """Call `before_each` once, then return the answer."""
        before_each()
        assert (identity, effect) == (IDENTITY, CALL)
        return self.answer


def test_a_success_is_told_with_its_answer() -> None:
    outcome = CALL.carry_out(Answering(HttpAnswer(201, {"a": 1})), Around().context())
    assert outcome.status == "ok"
    assert outcome.summary == "PUT /internal/x on wallet_service answered 201"
    assert outcome.details == {"status": 201, "answer": {"a": 1}}


@pytest.mark.parametrize(
    "answer",
    [
        HttpAnswer(409, {"code": "NOPE", "message": "not now"}),
        HttpAnswer(404, "no such page"),
        HttpAnswer(503, {"code": "MAINTENANCE", "message": "frozen"}),
    ],
)
def test_a_service_that_says_no_is_a_refusal(answer: HttpAnswer) -> None:
    with pytest.raises(Refused, match=f"answered {answer.status}"):
        CALL.carry_out(Answering(answer), Around().context())


@pytest.mark.parametrize(
    "answer",
    [
        HttpAnswer(0, None, "connection refused"),
        HttpAnswer(500, {"code": "FAULT", "message": "?"}),
        HttpAnswer(503, "<html>a proxy's own page</html>"),
    ],
)
def test_no_word_of_the_service_itself_leaves_the_outcome_unknown(answer: HttpAnswer) -> None:
    with pytest.raises(OutcomeUnknown, match="request id makes a repeat safe"):
        CALL.carry_out(Answering(answer), Around().context())


def test_a_call_is_not_made_without_the_lock() -> None:
    def lost() -> None:
        raise LockLost("another run has taken over")

    with pytest.raises(LockLost):
        CALL.carry_out(Answering(HttpAnswer(200, {})), Around(hold=lost).context())
