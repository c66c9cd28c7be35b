"""The effect of each wallet event on rollings, in the transaction that claims the event."""

from prometheus_client import Counter

from wallet_runtime.contract.events import (
    BET_ROLLED_BACK_CONFIRMED,
    BET_SETTLED_CONFIRMED,
    ROLLING_REQUIRED,
    ROLLING_REVOKED,
    TRANSFER_COMPLETED,
)
from wallet_runtime.plumbing.events.envelope import StreamEvent, read_payload
from wallet_runtime.plumbing.events.subscription import Subscription
from wallet_runtime.plumbing.runtime.database import DatabaseSession
from wallet_runtime.rolling import domain, store
from wallet_runtime.rolling.domain import (
    InconsistentEvent,
    Requirement,
    Revocation,
    RolledBackBet,
    SettledBet,
    Transfer,
)

CREATION_FAILURES = Counter(
    "rolling_creation_failures_total", "Tries to create a required rolling that failed."
)


def require_rolling(session: DatabaseSession, event: StreamEvent) -> None:
    """Create the rolling that a deposit, transfer or award requires (RS-2)."""
    requirement = read_payload(event, Requirement)
    rules = store.brand_rules(session, event.brand_id)
    open_beside = sum(
        each.open_turnover
        for each in store.progress(session, event, requirement.beside)
        if each.state == domain.ACTIVE
    )
    store.insert(
        session,
        event,
        requirement,
        domain.open_rolling(requirement, rules, event.occurred_at, open_beside=open_beside),
    )


def follow_transfer(session: DatabaseSession, event: StreamEvent) -> None:
    """Move rollings to the target bucket of a transfer.

    A rolling moves as a whole, or the part for the moved money becomes a new rolling.
    """
    transfer = read_payload(event, Transfer)
    handed_on = domain.hand_on(
        transfer, store.progress(session, event, [each.rolling_id for each in transfer.rollings])
    )
    moved = [each.rolling_id for each in transfer.rollings if each.becomes == each.rolling_id]
    store.move_rollings(session, event, transfer, moved)
    store.record_handed_on(session, event, transfer, handed_on)


def revoke_rolling(session: DatabaseSession, event: StreamEvent) -> None:
    """Close a rolling whose money the wallet has taken back; a closed rolling stays as it is."""
    store.revoke(session, event, read_payload(event, Revocation))


def count_settled_bet(session: DatabaseSession, event: StreamEvent) -> None:
    """Count a settled bet's stake toward the player's rollings (RS-8)."""
    bet = read_payload(event, SettledBet)
    counted = domain.count_turnover(bet, store.active_rollings(session, event))
    if counted:
        store.record_turnover(session, event, bet, counted)


def take_back_bet(session: DatabaseSession, event: StreamEvent) -> None:
    """Reverse the turnover of a rolled-back bet; a bet that was not settled has none."""
    bet = read_payload(event, RolledBackBet)
    if bet.was != domain.SETTLED:
        return
    taken = domain.take_back(store.counted_by_bet(session, event, bet))
    if taken:
        store.record_take_back(session, event, bet, taken)


def count_creation_failure(event: StreamEvent) -> None:
    """Count a failed try to create a required rolling."""
    if event.event_type == ROLLING_REQUIRED:
        CREATION_FAILURES.inc()


SUBSCRIPTION = Subscription(
    "rolling",
    effects={
        ROLLING_REQUIRED: require_rolling,
        ROLLING_REVOKED: revoke_rolling,
        TRANSFER_COMPLETED: follow_transfer,
        BET_SETTLED_CONFIRMED: count_settled_bet,
        BET_ROLLED_BACK_CONFIRMED: take_back_bet,
    },
    poison=(InconsistentEvent,),
    on_failure=count_creation_failure,
)
