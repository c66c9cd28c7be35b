"""The SQL statements of rolling_service and rolling_worker.

Each function runs in the caller's transaction.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from wallet_runtime.contract.events import ROLLING_CANCELED, ROLLING_COMPLETED
from wallet_runtime.plumbing.events.envelope import StreamEvent
from wallet_runtime.plumbing.runtime.database import DatabaseSession, Row, json
from wallet_runtime.rolling.domain import (
    DEFAULT_RULES,
    REVERSED_AFTER_COMPLETION,
    BrandRules,
    Counted,
    CountedBefore,
    HandedOn,
    Opening,
    Progress,
    Requirement,
    Revocation,
    RolledBackBet,
    Rolling,
    SettledBet,
    TakenBack,
    Transfer,
)

EXPIRY_BATCH_MAX = 200
LIST_LENGTH_MAX = 200
ERROR_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class Completion:
    """A rolling whose end has to be reported to the wallet, leased for one try.

    `refusals` counts the tries that the wallet refused. `closed` is CANCELED or EXPIRED for a
    rolling that ended without its turnover, None for a rolling to complete.
    """

    rolling_id: UUID
    brand_id: UUID
    player_id: UUID
    failures: int
    refusals: int
    closed: str | None = None

    @property
    def request_id(self) -> str:
        """The idempotency key for the wallet: one per rolling, and a new one after each refusal.

        The wallet stores a refusal under its key and would return it again.
        """
        first = f"rolling-{'close' if self.closed else 'complete'}-{self.rolling_id}"
        return f"{first}-{self.refusals}" if self.refusals else first


@dataclass(frozen=True, slots=True)
class PutOff:
    """Why a completion is delayed, whether the wallet refused it, and the delay."""

    error: str
    refused: bool
    delay_seconds: float


# --- rollings and their turnover


def brand_rules(session: DatabaseSession, brand_id: UUID) -> BrandRules:
    """Return a brand's rules; a rule that the brand does not set has its default (RS-10)."""
    row = session.maybe("rolling_brand_rules", brand_id=brand_id) or {}
    return BrandRules(
        **{
            **asdict(DEFAULT_RULES),
            **{name: value for name, value in row.items() if value is not None},
        }
    )


def insert(
    session: DatabaseSession, event: StreamEvent, requirement: Requirement, opening: Opening
) -> None:
    """Create a rolling with the id that the wallet gave it."""
    session.run(
        "rolling_insert",
        rolling_id=requirement.rolling_id,
        brand_id=event.brand_id,
        player_id=event.player_id,
        topology_code=requirement.topology_code,
        bucket_type_code=requirement.bucket_type_code,
        provider_types=list(requirement.provider_types),
        currency=requirement.currency,
        amount=requirement.amount,
        multiplier=requirement.multiplier,
        required_turnover=requirement.required_turnover,
        target_turnover=opening.target_turnover,
        state=opening.state,
        reference_id=requirement.reference_id,
        reason=requirement.reason,
        remarks=requirement.remarks,
        event_id=event.event_id,
        restore_epoch=event.restore_epoch,
        created_at=event.occurred_at,
        expires_at=opening.expires_at,
    )


def progress(
    session: DatabaseSession, event: StreamEvent, rolling_ids: Sequence[UUID]
) -> list[Progress]:
    """Lock rollings of the event's player and return their progress.

    Ids that the player does not have are left out.
    """
    if not rolling_ids:
        return []
    rows = session.all(
        "rolling_progress",
        rolling_ids=list(rolling_ids),
        player_id=event.player_id,
        brand_id=event.brand_id,
    )
    return [Progress(**row) for row in rows]


def move_rollings(
    session: DatabaseSession, event: StreamEvent, transfer: Transfer, rolling_ids: Sequence[UUID]
) -> None:
    """Move whole rollings to the target bucket; stakes from this bucket then count toward them."""
    if rolling_ids:
        session.run(
            "rolling_move",
            rolling_ids=list(rolling_ids),
            player_id=event.player_id,
            topology_code=transfer.topology_code,
            bucket_type_code=transfer.to_bucket,
            provider_types=list(transfer.provider_types),
            restore_epoch=event.restore_epoch,
        )


def record_handed_on(
    session: DatabaseSession, event: StreamEvent, transfer: Transfer, handed_on: Sequence[HandedOn]
) -> None:
    """Reduce the turnover of split rollings, and insert the parts as new rollings."""
    if handed_on:
        parts = [
            {**asdict(each), "rolling_id": str(each.rolling_id), "becomes": str(each.becomes)}
            for each in handed_on
        ]
        session.run(
            "rolling_hand_on",
            parts=json(parts),
            topology_code=transfer.topology_code,
            bucket_type_code=transfer.to_bucket,
            provider_types=list(transfer.provider_types),
            amount=transfer.amount,
            reference_id=f"transfer:{transfer.transfer_id}",
            event_id=event.event_id,
            restore_epoch=event.restore_epoch,
        )


def revoke(session: DatabaseSession, event: StreamEvent, revocation: Revocation) -> None:
    """Close a rolling that the wallet has closed already, and write an event to the outbox."""
    session.run(
        "rolling_revoke",
        rolling_id=revocation.rolling_id,
        player_id=event.player_id,
        state=revocation.state,
        event_type=ROLLING_CANCELED,
    )


def active_rollings(session: DatabaseSession, event: StreamEvent) -> list[Rolling]:
    """Lock and return the player's ACTIVE rollings, oldest first."""
    rows = session.all(
        "rolling_active_of_player", player_id=event.player_id, brand_id=event.brand_id
    )
    return [Rolling(**{**row, "provider_types": frozenset(row["provider_types"])}) for row in rows]


def record_turnover(
    session: DatabaseSession, event: StreamEvent, bet: SettledBet, counted: Sequence[Counted]
) -> None:
    """Add a bet's turnover to rollings; a rolling that reaches its target is due for completion."""
    session.run(
        "rolling_count_turnover",
        counted=json(
            [
                {
                    "rolling_id": str(each.rolling_id),
                    "amount": each.amount,
                    "completes": each.completes,
                }
                for each in counted
            ]
        ),
        authorization_id=bet.authorization_id,
        bet_id=bet.bet_id,
        **_of(event),
    )


def counted_by_bet(
    session: DatabaseSession, event: StreamEvent, bet: RolledBackBet
) -> list[CountedBefore]:
    """Return a bet's turnover per rolling; lock these rollings and their completions."""
    rows = session.all(
        "rolling_counted_by_bet",
        authorization_id=bet.authorization_id,
        brand_id=event.brand_id,
        player_id=event.player_id,
    )
    tried = session.all(
        "rolling_completion_attempts", rolling_ids=[row["rolling_id"] for row in rows]
    )
    attempts = {row["rolling_id"]: row["attempts"] for row in tried}
    return [
        CountedBefore(
            row["rolling_id"], row["amount"], row["state"], attempts.get(row["rolling_id"], 0)
        )
        for row in rows
    ]


def record_take_back(
    session: DatabaseSession, event: StreamEvent, bet: RolledBackBet, taken: Sequence[TakenBack]
) -> None:
    """Store a reversal of turnover, and a finding for each rolling whose turnover stays."""
    session.run(
        "rolling_take_back",
        taken=json([{**asdict(each), "rolling_id": str(each.rolling_id)} for each in taken]),
        authorization_id=bet.authorization_id,
        kind=REVERSED_AFTER_COMPLETION,
        **_of(event),
    )


def _of(event: StreamEvent) -> dict[str, Any]:
    return {
        "brand_id": event.brand_id,
        "player_id": event.player_id,
        "event_id": event.event_id,
        "restore_epoch": event.restore_epoch,
    }


# --- completion, expiry, cancellation


def completion_is_due(session: DatabaseSession) -> bool:
    """Return whether any completion is due for a try."""
    return bool(session.one("rolling_completion_is_due")["is_due"])


def take_due_completion(session: DatabaseSession, lease_seconds: float) -> Completion | None:
    """Lease the completion that has been due longest for `lease_seconds`; None if none is due."""
    row = session.maybe("rolling_completion_due", lease_seconds=lease_seconds)
    return Completion(**row) if row else None


def complete(session: DatabaseSession, rolling_id: UUID) -> bool:
    """Mark a rolling as COMPLETED and write an event to the outbox; return False for a repeat."""
    return (
        session.run("rolling_completion_done", rolling_id=rolling_id, event_type=ROLLING_COMPLETED)
        == 1
    )


def confirm_closed(session: DatabaseSession, rolling_id: UUID) -> None:
    """Record that the wallet knows of the end of a CANCELED or EXPIRED rolling."""
    session.run("rolling_close_done", rolling_id=rolling_id)


def put_off_failed(
    session: DatabaseSession, completion: Completion, put_off: PutOff, failures_bound: int
) -> None:
    """Count a failed completion; from `failures_bound` on it is listed as FAILED_COMPLETION."""
    session.run(
        "rolling_completion_failed",
        rolling_id=completion.rolling_id,
        failures=completion.failures + 1,
        refusals=completion.refusals + put_off.refused,
        failures_bound=failures_bound,
        error=put_off.error[:ERROR_LENGTH_MAX],
        delay_seconds=put_off.delay_seconds,
    )


def put_off(session: DatabaseSession, completion: Completion, why: PutOff) -> None:
    """Set the next try of a completion that has to wait, without counting a failure."""
    session.run(
        "rolling_completion_deferred",
        rolling_id=completion.rolling_id,
        refusals=completion.refusals + why.refused,
        error=why.error[:ERROR_LENGTH_MAX],
        delay_seconds=why.delay_seconds,
    )


def trouble(session: DatabaseSession, failures_bound: int) -> Row:
    """Count `failed_completions`, `dead_letters` and `findings` that wait for a person."""
    return session.one("rolling_trouble", failures_bound=failures_bound)


def expire(session: DatabaseSession) -> int:
    """Expire a batch of ACTIVE rollings and write an event for each; return how many."""
    return session.run("rolling_expire", limit=EXPIRY_BATCH_MAX, event_type=ROLLING_CANCELED)


def cancel(session: DatabaseSession, brand_id: UUID, rolling_id: UUID, closed_by: str) -> bool:
    """Cancel an ACTIVE rolling and write an event; return False if no such rolling is ACTIVE."""
    event_type = ROLLING_CANCELED
    return (
        session.run(
            "rolling_cancel",
            rolling_id=rolling_id,
            brand_id=brand_id,
            closed_by=closed_by,
            event_type=event_type,
        )
        == 1
    )


def find(session: DatabaseSession, brand_id: UUID, rolling_id: UUID) -> Row | None:
    """Return one rolling of a brand, or None."""
    return session.maybe("rolling_one", rolling_id=rolling_id, brand_id=brand_id)


def of_player(session: DatabaseSession, brand_id: UUID, player_id: UUID) -> list[Row]:
    """Return a player's rollings in a brand, newest first, at most 200."""
    return session.all(
        "rolling_of_player", player_id=player_id, brand_id=brand_id, limit=LIST_LENGTH_MAX
    )


def is_of_another_brand(session: DatabaseSession, brand_id: UUID, player_id: UUID) -> bool:
    """Return whether the player has rollings, but only in other brands."""
    return bool(
        session.one("rolling_player_elsewhere", player_id=player_id, brand_id=brand_id)["elsewhere"]
    )
