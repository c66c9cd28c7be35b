"""The rolling service's rows: the one place that names its queries.

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
    """An end of a rolling that the wallet does not know yet, taken for one try.

    `refusals` counts the failures that were refusals. `closed` is CANCELED or EXPIRED for a rolling
    that ended without its turnover, None for one to complete.
    """

    rolling_id: UUID
    brand_id: UUID
    player_id: UUID
    failures: int
    refusals: int
    closed: str | None = None

    @property
    def request_id(self) -> str:
        """The wallet's idempotency key: one for the rolling, and another after each refusal.

        The wallet stores a refusal and would repeat it.
        """
        first = f"rolling-{'close' if self.closed else 'complete'}-{self.rolling_id}"
        return f"{first}-{self.refusals}" if self.refusals else first


@dataclass(frozen=True, slots=True)
class PutOff:
    """Why a completion failed, whether the wallet refused it, and when the next try is."""

    error: str
    refused: bool
    delay_seconds: float


# --- rollings and their turnover


def brand_rules(session: DatabaseSession, brand_id: UUID) -> BrandRules:
    """Return a brand's rules: its own where it has them, else the defaults (RS-10)."""
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
    """Lock rollings of the event's player and return how far they are.

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
    """Let rollings count what is staked from the bucket that their money went to."""
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
    """Take parts off rollings and make them rollings of the other bucket."""
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
    """Close a rolling that the wallet has closed already, and announce it."""
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
    """Record what a bet counted; a rolling that it completes becomes due for completion."""
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
    """Lock the rollings that a bet counted toward, and their completions; return its turnover."""
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
    """Carry out a reversal of turnover, with a finding wherever the completion stands."""
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
    """Say whether any completion is due for a try."""
    return bool(session.one("rolling_completion_is_due")["is_due"])


def take_due_completion(session: DatabaseSession, lease_seconds: float) -> Completion | None:
    """Take the completion that is due longest for one try of at most `lease_seconds`."""
    row = session.maybe("rolling_completion_due", lease_seconds=lease_seconds)
    return Completion(**row) if row else None


def complete(session: DatabaseSession, rolling_id: UUID) -> bool:
    """Close a rolling that the wallet has completed and announce it; False for a repeat."""
    return (
        session.run("rolling_completion_done", rolling_id=rolling_id, event_type=ROLLING_COMPLETED)
        == 1
    )


def confirm_closed(session: DatabaseSession, rolling_id: UUID) -> None:
    """Note that the wallet knows of a rolling that ended without its turnover."""
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
    """Say when a completion that has to wait, and has not failed, is tried next."""
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
    """Close a batch of ACTIVE rollings past their time and announce them; return how many."""
    return session.run("rolling_expire", limit=EXPIRY_BATCH_MAX, event_type=ROLLING_CANCELED)


def cancel(session: DatabaseSession, brand_id: UUID, rolling_id: UUID, closed_by: str) -> bool:
    """Close an ACTIVE rolling and announce it; False when it is not ACTIVE or not there."""
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
    """Return one rolling of a brand."""
    return session.maybe("rolling_one", rolling_id=rolling_id, brand_id=brand_id)


def of_player(session: DatabaseSession, brand_id: UUID, player_id: UUID) -> list[Row]:
    """Return a player's rollings in a brand, newest first, at most 200."""
    return session.all(
        "rolling_of_player", player_id=player_id, brand_id=brand_id, limit=LIST_LENGTH_MAX
    )


def is_of_another_brand(session: DatabaseSession, brand_id: UUID, player_id: UUID) -> bool:
    """Say whether the player has rollings, but only in other brands."""
    return bool(
        session.one("rolling_player_elsewhere", player_id=player_id, brand_id=brand_id)["elsewhere"]
    )
