"""A player's transfer between buckets along an active edge of the topology (SPEC 1.3).

The legacy commands name games instead of buckets.

Open turnover moves with the money. A transfer of the whole balance moves the rollings themselves to
the other bucket. A transfer of a part splits each rolling, and both parts are rounded up, so that
many small transfers lose no turnover. Only rolling_worker knows how much turnover is open at the
transfer's place in the player's events. So the wallet sends the rollings, the amount and the
balance, and rolling_worker divides.

An edge that generates a rolling also requires the turnover of the policy, less the open turnover
that came with the money. So no turnover is lost or counted twice.
"""

from typing import Literal
from uuid import uuid5

import msgspec

from wallet_runtime.contract.codes import INSUFFICIENT_FUNDS, OPEN_STAKES
from wallet_runtime.contract.providers import LIVE, SPORTS
from wallet_runtime.plumbing.errors import Invalid
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain import locks
from wallet_runtime.wallet.domain.answers import TransferAnswer
from wallet_runtime.wallet.domain.decision import Decision, event, refuse
from wallet_runtime.wallet.domain.documents import Bucket, Topology, TransferEdge
from wallet_runtime.wallet.domain.events import CarriedRolling, TransferCompleted
from wallet_runtime.wallet.domain.obligations import Required, Turnover, require_turnover
from wallet_runtime.wallet.domain.player import is_blocked, rollings_of
from wallet_runtime.wallet.domain.records import (
    ObligationChanged,
    ObligationOpened,
    OutboxEvent,
    TransferRecord,
    move,
)
from wallet_runtime.wallet.domain.state import ActivePair, Obligation, Request, State

TRANSFER = "WALLET_TRANSFER"
NOT_ALLOWED = "TRANSFER_NOT_ALLOWED"
# A partial transfer splits each rolling, so a player could multiply rollings by moving money back
# and forth.
ROLLINGS_MAX = 32
TYPE_OF_SIDE = {"sports": SPORTS, "casino": LIVE}
TARGET_KINDS = ("normal", "bonus")
SOURCE_KINDS = ("normal", "bonus", "withdrawable")


class BucketUnknown(Invalid):
    """The active topology has no such bucket."""

    code = "BUCKET_INVALID"


class Transfer(msgspec.Struct, frozen=True):
    """An amount (minor units) to move from one bucket to another."""

    from_bucket: str
    to_bucket: str
    amount: int
    currency: str


class LegacyTransfer(msgspec.Struct, frozen=True):
    """An amount (minor units) to move between the normal buckets of sports and casino."""

    from_side: Literal["sports", "casino"]
    amount: int
    currency: str


class _Way(msgspec.Struct, frozen=True):
    """The accounts of a transfer, and the balance and rollings of the source account."""

    edge: TransferEdge
    target_bucket: Bucket
    source: str
    target: str
    held: int
    owed: tuple[Obligation, ...]


class _Carried(msgspec.Struct, frozen=True):
    """The rollings that move with the money, and the obligations that are opened or changed.

    rolling_worker gets `rollings` in the event.
    """

    rollings: tuple[CarriedRolling, ...]
    opened: tuple[ObligationOpened, ...]
    changed: tuple[ObligationChanged, ...]


def transfer(request: Request, command: Transfer, state: State, pair: ActivePair) -> Decision:
    """Move an amount and its turnover along an active edge, or refuse."""
    way, amount = _way(command, state, pair.topology), command.amount
    if way is None:
        return _refuse_edge(pair, command)
    refused = _refuse_transfer(command, state, pair, way)
    if refused is not None:
        return refused
    carried = _carry(request, pair, way.target_bucket, way.owed, amount, way.held)
    done = _transferred(request, command, pair, way, carried)
    return msgspec.structs.replace(done, locks=locks.moved(state, way.source, way.target, amount))


def _way(command: Transfer, state: State, topology: Topology) -> _Way | None:
    source, target = _bucket(topology, command.from_bucket), _bucket(topology, command.to_bucket)
    edge = _edge(topology, source, target)
    if edge is None:
        return None
    account = topology.account(source.code)
    held, owed = state.balance(account), rollings_of(state, account)
    return _Way(edge, target, account, topology.account(target.code), held, owed)


def _refuse_transfer(
    command: Transfer, state: State, pair: ActivePair, way: _Way
) -> Decision | None:
    refused = _refuse_player(state, pair) or _refuse_amount(command, way.held, pair)
    if refused is not None or not way.owed:
        return refused
    return _refuse_stakes(command, state, pair, way) or _refuse_rollings(command, state, pair, way)


def _refuse_player(state: State, pair: ActivePair) -> Decision | None:
    if not is_blocked(state):
        return None
    return _refuse(pair, "PLAYER_BLOCKED", "the player is blocked; the money stays where it is")


def _refuse_amount(command: Transfer, held: int, pair: ActivePair) -> Decision | None:
    if held >= command.amount:
        return None
    available = format_amount(held, command.currency)
    message = f"bucket {command.from_bucket} holds {available} {command.currency}"
    return _refuse(pair, INSUFFICIENT_FUNDS, message, available=available)


def _refuse_stakes(command: Transfer, state: State, pair: ActivePair, way: _Way) -> Decision | None:
    """Refuse while open bets hold money of the source bucket, which still owes turnover."""
    open_stakes = state.staked_on(way.source)
    if not open_stakes:
        return None
    staked = format_amount(open_stakes, command.currency)
    message = (
        f"open bets hold {staked} {command.currency} of {command.from_bucket},"
        " which still owes turnover; transfer when they are settled"
    )
    return _refuse(pair, OPEN_STAKES, message, open_stakes=staked)


def _refuse_rollings(
    command: Transfer, state: State, pair: ActivePair, way: _Way
) -> Decision | None:
    """Refuse a partial transfer that gives the target more than `ROLLINGS_MAX` rollings."""
    rollings = len(way.owed) + len(rollings_of(state, way.target))
    if command.amount >= way.held or rollings <= ROLLINGS_MAX:
        return None
    message = (
        f"{command.to_bucket} would owe under more than {ROLLINGS_MAX} rollings;"
        " transfer the whole balance, or turn some over first"
    )
    return _refuse(pair, "TOO_MANY_ROLLINGS", message, most=ROLLINGS_MAX)


def legacy_transfer(
    request: Request, command: LegacyTransfer, state: State, pair: ActivePair
) -> Decision:
    """Move money between the normal buckets of sports and casino.

    If both are the same bucket, the answer is a NOOP (FLOW-11).
    """
    to_side = "casino" if command.from_side == "sports" else "sports"
    source, target = _normal(pair.topology, command.from_side), _normal(pair.topology, to_side)
    if source == target:
        return _nothing_to_move(request, source, command.currency, pair)
    typed = Transfer(source.code, target.code, command.amount, command.currency)
    return transfer(request, typed, state, pair)


def _nothing_to_move(request: Request, bucket: Bucket, currency: str, pair: ActivePair) -> Decision:
    body = TransferAnswer(
        transfer_id=str(request.transaction_id),
        state="NOOP",
        from_bucket=bucket.code,
        to_bucket=bucket.code,
        amount=format_amount(0, currency),
        currency=currency,
    )
    return Decision(command=TRANSFER, status=200, body=body, pair=pair.reference, starts_new=True)


def _carry(
    request: Request,
    pair: ActivePair,
    target: Bucket,
    owed: tuple[Obligation, ...],
    amount: int,
    held: int,
) -> _Carried:
    """Move every rolling with the whole balance, or split every rolling for a part of it."""
    if amount == held:
        return _whole(owed, target)
    return _split(owed, tuple(_part(request, pair, target, o, amount, held) for o in owed))


def _whole(owed: tuple[Obligation, ...], target: Bucket) -> _Carried:
    moving = [each.rolling_id for each in owed]
    return _Carried(
        rollings=tuple(CarriedRolling(rolling_id, rolling_id) for rolling_id in moving),
        opened=(),
        changed=tuple(
            ObligationChanged(rolling_id, bucket_type_code=target.code) for rolling_id in moving
        ),
    )


def _split(owed: tuple[Obligation, ...], parts: tuple[ObligationOpened, ...]) -> _Carried:
    return _Carried(
        rollings=tuple(map(_handed_on, owed, parts)),
        opened=parts,
        changed=tuple(map(_rest, owed, parts)),
    )


def _handed_on(owed: Obligation, part: ObligationOpened) -> CarriedRolling:
    return CarriedRolling(owed.rolling_id, part.rolling_id)


def _part(  # noqa: PLR0913
    request: Request, pair: ActivePair, target: Bucket, owed: Obligation, amount: int, held: int
) -> ObligationOpened:
    """Split off the part of a rolling that moves with the money.

    Amounts and the cap are rounded down, the turnover is rounded up.
    """
    return ObligationOpened(
        rolling_id=str(uuid5(request.transaction_id, f"rolling/{owed.rolling_id}")),
        topology_code=pair.topology.code,
        bucket_type_code=target.code,
        amount=owed.amount * amount // held,
        required=-(-owed.required * amount // held),
        cap=None if owed.cap is None else owed.cap * amount // held,
        earned=owed.earned * amount // held,
        part_of=owed.rolling_id,
    )


def _rest(owed: Obligation, part: ObligationOpened) -> ObligationChanged:
    """Reduce a rolling by the part that was split off."""
    return ObligationChanged(
        owed.rolling_id,
        amount=owed.amount - part.amount,
        earned=owed.earned - part.earned,
        cap=None if owed.cap is None else owed.cap - (part.cap or 0),
    )


def _transferred(
    request: Request, command: Transfer, pair: ActivePair, way: _Way, carried: _Carried
) -> Decision:
    generated = _generated(request, command, pair, way, carried)
    transfer_id, amount = str(request.transaction_id), command.amount
    return Decision(
        command=TRANSFER,
        status=200,
        body=_body(request, command, way, carried, generated),
        pair=pair.reference,
        starts_new=True,
        legs=move(way.source, way.target, amount, command.currency),
        transfers=(TransferRecord(transfer_id, "EDGE", way.source, way.target, amount),),
        obligations_opened=carried.opened + generated.opened,
        obligations_changed=carried.changed,
        events=(_completed(request, command, pair, way, carried), *generated.events),
    )


def _body(
    request: Request, command: Transfer, way: _Way, carried: _Carried, generated: Required
) -> TransferAnswer:
    rollings = [*_arriving(carried), generated.rolling_id]
    return TransferAnswer(
        transfer_id=str(request.transaction_id),
        state="COMPLETED",
        from_bucket=command.from_bucket,
        to_bucket=command.to_bucket,
        amount=format_amount(command.amount, command.currency),
        currency=command.currency,
        rolling=way.edge.rolling,
        rollings=[rolling for rolling in rollings if rolling],
    )


def _arriving(carried: _Carried) -> tuple[str, ...]:
    """Return the ids of the carried rollings in the target bucket."""
    return tuple(each.becomes for each in carried.rollings)


def _generated(
    request: Request, command: Transfer, pair: ActivePair, way: _Way, carried: _Carried
) -> Required:
    """Require the turnover of the policy, if the edge generates a rolling."""
    if way.edge.rolling != "generate":
        return Required()
    rule, code = pair.policy.rolling, way.target_bucket.code
    wanted = Turnover(
        bucket=way.target_bucket,
        amount=command.amount,
        currency=command.currency,
        multiplier=rule.transfer.get(code, rule.deposit.get(code, "0")),
        reason="transfer",
        beside=_arriving(carried),
    )
    return require_turnover(request, pair, wanted)


def _completed(
    request: Request, command: Transfer, pair: ActivePair, way: _Way, carried: _Carried
) -> OutboxEvent:
    payload = TransferCompleted(
        transfer_id=str(request.transaction_id),
        topology_code=pair.topology.code,
        from_bucket=command.from_bucket,
        to_bucket=command.to_bucket,
        provider_types=way.target_bucket.provider_types,
        currency=command.currency,
        amount=str(command.amount),
        balance=str(way.held),
        rollings=carried.rollings,
    )
    return event(request, payload)


def _edge(topology: Topology, source: Bucket, target: Bucket) -> TransferEdge | None:
    """Find the active edge between two buckets.

    Points cannot be transferred, and no transfer makes money withdrawable.
    """
    if source.kind not in SOURCE_KINDS or target.kind not in TARGET_KINDS:
        return None
    ends = (source.code, target.code)
    between = (e for e in topology.transfer_edges if (e.from_bucket, e.to_bucket) == ends)
    return next((edge for edge in between if edge.active), None)


def _bucket(topology: Topology, code: str) -> Bucket:
    bucket = topology.bucket(code)
    if bucket is None:
        raise BucketUnknown(
            f"{code[:64]!r} is no bucket; the active topology has"
            f" {', '.join(b.code for b in topology.buckets)}"
        )
    return bucket


def _normal(topology: Topology, side: str) -> Bucket:
    found = [
        b for b in topology.buckets if b.kind == "normal" and TYPE_OF_SIDE[side] in b.provider_types
    ]
    if not found:
        raise BucketUnknown(f"{topology.code} has no normal bucket for {side}")
    return found[0]


def _refuse_edge(pair: ActivePair, command: Transfer) -> Decision:
    edges = [
        f"{edge.from_bucket} -> {edge.to_bucket}"
        for edge in pair.topology.transfer_edges
        if edge.active
    ]
    message = (
        f"no active edge leads from {command.from_bucket} to {command.to_bucket};"
        f" active are {', '.join(edges) or 'none'}"
    )
    return _refuse(pair, NOT_ALLOWED, message, edges=edges)


def _refuse(pair: ActivePair, code: str, message: str, **details: object) -> Decision:
    return refuse(TRANSFER, pair, 409, code, message, starts_new=True, **details)
