"""500 random histories of 50 commands on real PostgreSQL, every invariant checked after every command; planted bugs are caught."""

from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest

from tests.wallet_runtime.wallet.ledger_model import Broken, History
from wallet_runtime.plumbing.database import Database
from wallet_runtime.wallet.domain import adjustments, bets, funding
from wallet_runtime.wallet.domain.state import Request, Share
from wallet_runtime.wallet.store.money import Money

HISTORIES_PER_BATCH = 25
COMMANDS = 50
LONG = 250  # a win, its spending, a refill and a late rollback in this order need some time


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(20))
def test_histories_keep_every_invariant(wallet: Database, look: psycopg.Connection, batch: int) -> None:
    """25 histories a batch, 20 batches: conservation, balance = ledger tip, none negative, exact rollbacks, replays move nothing."""
    for number in range(HISTORIES_PER_BATCH):
        History(wallet, seed=batch * HISTORIES_PER_BATCH + number).run(COMMANDS, look)
    refused = look.execute("SELECT count(*) FROM wallet.wallet_idempotency WHERE status >= 400").fetchone()
    applied = look.execute("SELECT count(*) FROM wallet.wallet_ledger").fetchone()
    assert refused is not None and applied is not None
    assert refused[0] > 50 and applied[0] > 500, "the histories must reach refusals and movements alike"


def _caught(wallet: Database, look: psycopg.Connection, commands: int = COMMANDS) -> bool:
    """Whether any of twenty histories breaks an invariant."""
    try:
        for seed in range(20):
            History(wallet, seed=9_000 + seed).run(commands, look)
    except Broken:
        return True
    return False


def test_a_lost_unit_in_a_split_is_caught(wallet: Database, look: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding every part down loses units wherever a payout has two destinations."""

    def careless(payout: int, shares: tuple[Share, ...]) -> tuple[int, ...]:
        stake = sum(share.amount for share in shares)
        return tuple(payout * share.amount // stake for share in shares)

    monkeypatch.setattr(funding, "split_payout", careless)
    assert _caught(wallet, look)


def test_missing_dedupe_is_caught(wallet: Database, look: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request id minted per try makes a repeat a second command."""
    perform = Money.perform

    def forgetful(self: Money, request: Request, reads: dict[str, str], decide: Any) -> tuple[int, dict[str, Any]]:
        return perform(self, msgspec.structs.replace(request, request_id=str(uuid4()), transaction_id=uuid4()), reads, decide)

    monkeypatch.setattr(Money, "perform", forgetful)
    assert _caught(wallet, look)


def test_a_rollback_to_the_wrong_source_is_caught(wallet: Database, look: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Giving the whole stake back to the withdrawable bucket conserves money and keeps every tip, and is still wrong."""
    rolled_back = bets._rolled_back

    def elsewhere(leg: Any) -> Any:
        return msgspec.structs.replace(leg, account="RUBY_SPLIT_V1/WITHDRAWABLE")

    def generous(request: Request, bet: Any, legs: Any) -> Any:
        return rolled_back(request, bet, tuple(elsewhere(leg) if leg.delta > 0 and "/" in leg.account else leg for leg in legs))

    monkeypatch.setattr(bets, "_rolled_back", generous)
    assert _caught(wallet, look)


def test_an_adjustment_by_one_person_is_caught(wallet: Database, look: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database wants two persons, whatever the rule thinks of it."""
    monkeypatch.setattr(adjustments, "_is_same", lambda one, other: False)
    assert _caught(wallet, look)


def test_a_refill_that_hides_spent_winnings_is_caught(wallet: Database, look: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking at the balance of today alone takes winnings back that have gone."""
    monkeypatch.setattr(bets, "_kept", lambda account, state: state.balance(account))
    assert _caught(wallet, look, LONG)


def test_unplanted_histories_of_the_same_seeds_pass(wallet: Database, look: psycopg.Connection) -> None:
    """The tests above are worth something only because these seeds hold without a bug."""
    assert not _caught(wallet, look, LONG)
