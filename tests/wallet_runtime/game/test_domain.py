"""How an answer of the wallet moves a bet in the provider's books."""

import pytest

from wallet_runtime.game.domain import Kind, UnknownProvider, is_final, provider_type, state_after


@pytest.mark.parametrize(("name", "kind"), [("mocksports", "SPORTS"), ("mocklive", "LIVE"), ("mockslots", "SLOTS")])
def test_a_provider_serves_one_type(name: str, kind: str) -> None:
    assert provider_type(name) == kind


def test_an_unknown_provider_is_a_404_that_names_the_known() -> None:
    with pytest.raises(UnknownProvider, match="known are mocksports, mocklive, mockslots"):
        provider_type("MOCKSPORTS")


@pytest.mark.parametrize(
    ("status", "final"), [(200, True), (400, True), (404, True), (409, True), (422, True), (401, False), (503, False), (504, False)]
)
def test_only_an_answer_about_the_bet_is_final(status: int, final: bool) -> None:
    assert is_final(status) is final


@pytest.mark.parametrize(
    ("kind", "status", "state"),
    [
        ("authorize", 200, "AUTHORIZED"),
        ("authorize", 409, "REFUSED"),
        ("authorize", 503, None),
        ("settle", 200, "SETTLED"),
        ("settle", 409, None),
        ("rollback", 200, "ROLLED_BACK"),
        ("rollback", 404, None),
    ],
)
def test_a_bet_moves_by_the_answer(kind: Kind, status: int, state: str | None) -> None:
    assert state_after(kind, status)[0] == state
