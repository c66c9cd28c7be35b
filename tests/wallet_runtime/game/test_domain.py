"""The state of a bet in the provider's book, after each answer of the wallet."""

import pytest

from wallet_runtime.game.domain import (
    Kind,
    Terms,
    UnknownProvider,
    is_final,
    provider_type,
    read_terms,
    state_after,
)


@pytest.mark.parametrize(
    ("name", "kind"), [("mocksports", "SPORTS"), ("mocklive", "LIVE"), ("mockslots", "SLOTS")]
)
def test_a_provider_serves_one_type(name: str, kind: str) -> None:
    assert provider_type(name) == kind


def test_an_unknown_provider_is_a_404_that_names_the_known() -> None:
    with pytest.raises(UnknownProvider, match="known are mocksports, mocklive, mockslots"):
        provider_type("MOCKSPORTS")


@pytest.mark.parametrize(
    ("status", "final"),
    [
        (200, True),
        (400, True),
        (404, True),
        (409, True),
        (422, True),
        (401, False),
        (503, False),
        (504, False),
    ],
)
def test_only_an_answer_about_the_bet_is_final(status: int, final: bool) -> None:
    assert is_final(status) is final


@pytest.mark.parametrize("code", ["IDEMPOTENCY_IN_FLIGHT", "IDEMPOTENCY_PAYLOAD_MISMATCH"])
def test_what_is_said_of_a_request_id_alone_is_not_final(code: str) -> None:
    assert not is_final(409, code)


@pytest.mark.parametrize(
    ("kind", "status", "code", "state"),
    [
        ("authorize", 200, None, "AUTHORIZED"),
        ("authorize", 409, "INSUFFICIENT_FUNDS", "REFUSED"),
        ("authorize", 409, "BET_ALREADY_EXISTS", None),
        ("authorize", 409, "IDEMPOTENCY_IN_FLIGHT", None),
        ("authorize", 409, "IDEMPOTENCY_PAYLOAD_MISMATCH", None),
        ("authorize", 503, "BUSY", None),
        ("settle", 200, None, "SETTLED"),
        ("settle", 409, "BET_NOT_OPEN", None),
        ("rollback", 200, None, "ROLLED_BACK"),
        ("rollback", 404, "AUTHORIZATION_NOT_FOUND", None),
    ],
)
def test_a_bet_moves_by_the_answer(
    kind: Kind, status: int, code: str | None, state: str | None
) -> None:
    assert state_after(kind, status, code)[0] == state


@pytest.mark.parametrize(
    ("answer", "terms"),
    [
        (b'{"currency": "EUR", "stake": "10.00", "funding": []}', Terms("EUR", 1000)),
        (b'{"currency": "KRW", "stake": "10", "payout": "0"}', Terms("KRW", 10, 0)),
        (b'{"currency": "EUR", "stake": "10.00", "payout": null}', Terms("EUR", 1000)),
        (b'{"currency": "EUR", "stake": "0.00", "state": "TOMBSTONE"}', Terms()),
        (b'{"currency": "", "state": "TOMBSTONE"}', Terms()),
    ],
)
def test_terms_are_what_the_wallet_says_of_a_bet(answer: bytes, terms: Terms) -> None:
    assert read_terms(answer) == terms
