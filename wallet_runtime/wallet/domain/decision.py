"""Decisions of the rules: an answer, and the records to write. A refusal writes none."""

from uuid import uuid5

from wallet_runtime.contract.events import PARTITIONS
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.answers import AccountShare, Answer, CashBalance, Refusal
from wallet_runtime.wallet.domain.events import EVENT_TYPES, FundingPart, Payload
from wallet_runtime.wallet.domain.records import BetClosed, BetOpened, Leg, OutboxEvent, Records
from wallet_runtime.wallet.domain.state import ActivePair, PairReference, Request, Share, State

STAKE = "STAKE"


class Decision(Records, frozen=True, kw_only=True):
    """The final answer of a command and every record that must become true together with it.

    `store/command.py` puts it into the words of `wallet.command`. `starts_new` says that an ingress
    freeze stops it.
    """

    command: str
    status: int
    body: Answer
    pair: PairReference
    starts_new: bool
    legs: tuple[Leg, ...] = ()
    authorization: BetOpened | BetClosed | None = None

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
    """Build a business refusal: it moves nothing, and repeats get the same answer."""
    reference = pair if isinstance(pair, PairReference) else pair.reference
    body = Refusal(status=status, code=code, message=message, details=details)
    return Decision(
        command=command, status=status, body=body, pair=reference, starts_new=starts_new
    )


def unchanged(command: str, pair: PairReference, body: Answer) -> Decision:
    """Build the answer to a command that finds all done: it writes nothing."""
    return Decision(command=command, status=200, body=body, pair=pair, starts_new=False)


def event(request: Request, payload: Payload, index: int = 0) -> OutboxEvent:
    """Build an event whose id derives from its transaction, so that it is written once."""
    event_type = EVENT_TYPES[type(payload)]
    event_id = uuid5(request.transaction_id, f"{event_type}/{index}")
    return OutboxEvent(event_id, event_type, request.player_id.int % PARTITIONS, payload)


def shares_json(shares: tuple[Share, ...], currency: str) -> list[AccountShare]:
    """Show shares on the wire: accounts with amounts in major units."""
    return [
        AccountShare(account=share.account, amount=format_amount(share.amount, currency))
        for share in shares
    ]


def funding_parts(shares: tuple[Share, ...]) -> tuple[FundingPart, ...]:
    """Show shares in an event: accounts taken apart, amounts in minor units."""
    return tuple(_funding_part(share) for share in shares)


def _funding_part(share: Share) -> FundingPart:
    topology_code, _, bucket_type_code = share.account.partition("/")
    return FundingPart(share.account, topology_code, bucket_type_code, str(share.amount))


def cash_balance(
    state: State, currency: str, *, available: int = 0, pending: int = 0
) -> CashBalance:
    """Show the cash balance after a command that changes it by `available` and `pending`."""
    free = (state.cash.available if state.cash else 0) + available
    held = (state.cash.pending if state.cash else 0) + pending
    return CashBalance(
        available_real=format_amount(free, currency),
        held_real=format_amount(held, currency),
        total_real=format_amount(free + held, currency),
    )
