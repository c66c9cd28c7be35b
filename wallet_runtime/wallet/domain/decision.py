"""What the rules decide: an answer, and what must be written with it. A refusal is a decision without legs."""

from typing import Any
from uuid import UUID, uuid5

import msgspec

from wallet_runtime.contract import PARTITIONS
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.state import ActivePair, PairReference, Share, State

STAKE = "STAKE"


class Leg(msgspec.Struct, frozen=True):
    """One account's change. Legs of a command sum to zero per currency; the database refuses anything else."""

    account: str
    delta: int
    currency: str


class Event(msgspec.Struct, frozen=True):
    """An outbox event of the command's own transaction."""

    event_id: UUID
    event_type: str
    partition_no: int
    payload: dict[str, Any]


class Decision(msgspec.Struct, frozen=True):
    """The final answer of a command and everything that must become true together with it.

    `store/command.py` puts it into the words of `wallet.command`. `starts_new` says that an ingress freeze stops it.
    `reference` is used up by the command, for its brand.
    """

    command: str
    status: int
    body: dict[str, Any]
    pair: PairReference
    starts_new: bool
    legs: tuple[Leg, ...] = ()
    authorization: dict[str, Any] | None = None
    cash_transaction: dict[str, Any] | None = None
    transfers: tuple[dict[str, Any], ...] = ()
    obligations_opened: tuple[dict[str, Any], ...] = ()
    obligations_closed: tuple[dict[str, Any], ...] = ()
    obligations_changed: tuple[dict[str, Any], ...] = ()
    bonus: dict[str, Any] | None = None
    adjustment: dict[str, Any] | None = None
    win: dict[str, Any] | None = None
    grants_opened: tuple[dict[str, Any], ...] = ()
    grants_closed: tuple[dict[str, Any], ...] = ()
    findings: tuple[dict[str, Any], ...] = ()
    reference: str | None = None
    locks: tuple[dict[str, Any], ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def refused(self) -> bool:
        """True for a business refusal."""
        return self.status >= 400


def refuse(
    command: str,
    pair: ActivePair | PairReference,
    status: int,
    code: str,
    message: str,
    *,
    starts_new: bool,
    **details: object,
) -> Decision:
    """Build a business refusal: it is stored under the request id and repeated, and it moves nothing."""
    reference = pair if isinstance(pair, PairReference) else pair.reference
    body = {"status": status, "code": code, "message": message, "details": details}
    return Decision(
        command=command, status=status, body=body, pair=reference, starts_new=starts_new
    )


def event(
    transaction_id: UUID, player_id: UUID, event_type: str, payload: dict[str, Any], index: int = 0
) -> Event:
    """Build an event whose id derives from its transaction, so that a command decided twice writes the same one."""
    event_id = uuid5(transaction_id, f"{event_type}/{index}")
    return Event(event_id, event_type, player_id.int % PARTITIONS, payload)


def shares_json(shares: tuple[Share, ...], currency: str) -> list[dict[str, str]]:
    """Show shares on the wire: accounts with amounts in major units."""
    return [
        {"account": share.account, "amount": format_amount(share.amount, currency)}
        for share in shares
    ]


def shares_event(shares: tuple[Share, ...]) -> list[dict[str, str]]:
    """Show shares in an event: accounts taken apart, amounts in minor units as strings."""
    return [
        {
            "account": share.account,
            "topology_code": share.account.partition("/")[0],
            "bucket_type_code": share.account.partition("/")[2],
            "amount": str(share.amount),
        }
        for share in shares
    ]


def cash_balance(
    state: State, currency: str, *, available: int = 0, pending: int = 0
) -> dict[str, str]:
    """Show the cash balance after a command that changes it by `available` and `pending`."""
    free = (state.cash.available if state.cash else 0) + available
    held = (state.cash.pending if state.cash else 0) + pending
    return {
        "available_real": format_amount(free, currency),
        "held_real": format_amount(held, currency),
        "total_real": format_amount(free + held, currency),
    }
