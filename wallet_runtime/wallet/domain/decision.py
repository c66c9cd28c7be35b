"""The decision on a command: its answer, and the records to write."""

from uuid import uuid5

from wallet_runtime.contract.events import PARTITIONS
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.answers import AccountShare, Answer, CashBalance, Refusal
from wallet_runtime.wallet.domain.events import EVENT_TYPES, FundingPart, Payload
from wallet_runtime.wallet.domain.player import free_cash
from wallet_runtime.wallet.domain.records import BetClosed, BetOpened, Leg, OutboxEvent, Records
from wallet_runtime.wallet.domain.state import ActivePair, PairReference, Request, Share, State

STAKE = "STAKE"


class Decision(Records, frozen=True, kw_only=True):
    """The final answer of a command, and every record to write in the same transaction.

    `store/command.py` encodes a decision for `wallet.command`. An ingress freeze stops the decision
    if `starts_new` is set.
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
        """Whether a business rule refused the command."""
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
    """Build a refusal by a business rule. A refusal moves no money."""
    reference = pair if isinstance(pair, PairReference) else pair.reference
    body = Refusal(status=status, code=code, message=message, details=details)
    return Decision(
        command=command, status=status, body=body, pair=reference, starts_new=starts_new
    )


def unchanged(command: str, pair: PairReference, body: Answer) -> Decision:
    """Build the answer to a command that has nothing left to do. It writes no records."""
    return Decision(command=command, status=200, body=body, pair=pair, starts_new=False)


def event(request: Request, payload: Payload, index: int = 0) -> OutboxEvent:
    """Build an event. Its id derives from the transaction, so a retry gives the same event."""
    event_type = EVENT_TYPES[type(payload)]
    event_id = uuid5(request.transaction_id, f"{event_type}/{index}")
    return OutboxEvent(event_id, event_type, request.player_id.int % PARTITIONS, payload)


def shares_json(shares: tuple[Share, ...], currency: str) -> list[AccountShare]:
    """Return shares in the form of an answer: accounts with amounts in major units."""
    return [
        AccountShare(account=share.account, amount=format_amount(share.amount, currency))
        for share in shares
    ]


def funding_parts(shares: tuple[Share, ...]) -> tuple[FundingPart, ...]:
    """Return shares in the form of an event: split account names, amounts in minor units."""
    return tuple(_funding_part(share) for share in shares)


def _funding_part(share: Share) -> FundingPart:
    topology_code, _, bucket_type_code = share.account.partition("/")
    return FundingPart(share.account, topology_code, bucket_type_code, str(share.amount))


def cash_balance(
    state: State, currency: str, *, available: int = 0, pending: int = 0
) -> CashBalance:
    """Return the cash balance after a change by `available` and `pending` (minor units)."""
    free = free_cash(state) + available
    held = (state.cash.pending if state.cash else 0) + pending
    return CashBalance(
        available_real=format_amount(free, currency),
        held_real=format_amount(held, currency),
        total_real=format_amount(free + held, currency),
    )
