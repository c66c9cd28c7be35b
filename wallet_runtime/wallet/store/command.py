"""A decided command in the form that SQL takes: statement parameters, or JSON for a batch."""

from uuid import UUID

from msgspec import json
from msgspec.structs import asdict, astuple

from wallet_runtime.wallet.domain.answers import Answer
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.records import BetClosed, BetOpened, Leg, Records, Written
from wallet_runtime.wallet.domain.state import Request, State


class StateWanted(Reads, frozen=True, omit_defaults=True, kw_only=True):
    """The input of `wallet.read_state`: the player, the request id and the rows to read."""

    brand_id: UUID
    player_id: UUID
    caller: str
    route: str
    request_id: str


class Command(Written, frozen=True):
    """The fields of the SQL type `wallet.command`: request, decided state and decision.

    `player_version` and `activation_no` are those of the state on which the command was decided.
    """

    brand_id: UUID
    player_id: UUID
    caller: str
    route: str
    request_id: str
    fingerprint: str
    transaction_id: UUID
    canary_token: str | None
    fence_token: int | None
    player_version: int
    activation_no: int
    currency: str
    canary: bool
    topology_code: str
    topology_version: int
    policy_key: str
    policy_version: int
    command: str
    starts_new: bool
    status: int
    body: Answer
    legs: tuple[Leg, ...]
    bet: BetOpened | BetClosed | None
    records: Records | None


# All fields of the SQL type `wallet.bet`, as NULL. A command with a bet fills in the bet's fields.
NO_BET = dict.fromkeys((*BetOpened.__struct_fields__, *BetClosed.__struct_fields__))
NO_RECORDS = Records()
RECORD_FIELDS = len(Records.__struct_fields__)
# The types of a statement's parameters: the driver maps each to one SQL type, whatever the value.
Parameter = UUID | str | bool | None
SENT_AS_THEY_ARE = frozenset({type(None), str, bool, UUID})


def state_wanted(request: Request, reads: Reads) -> StateWanted:
    """Build the input of `wallet.read_state`."""
    return StateWanted(
        *astuple(reads),
        brand_id=request.brand_id,
        player_id=request.player_id,
        caller=request.caller,
        route=request.route,
        request_id=request.request_id,
    )


def command_of(request: Request, state: State, decision: Decision) -> Command:
    """Build the command from a request, the state it was decided on, and the decision."""
    assert state.player is not None
    # `Decision` inherits from `Records`, so the fields of `Records` come first.
    records = Records(*astuple(decision)[:RECORD_FIELDS])
    return Command(
        brand_id=request.brand_id,
        player_id=request.player_id,
        caller=request.caller,
        route=request.route,
        request_id=request.request_id,
        fingerprint=f"\\x{request.fingerprint}",
        transaction_id=request.transaction_id,
        canary_token=request.canary_token,
        fence_token=request.fence_token,
        player_version=state.player.version,
        activation_no=state.gate.activation_no,
        currency=state.player.currency,
        canary=state.player.canary,
        topology_code=decision.pair.topology_code,
        topology_version=decision.pair.topology_version,
        policy_key=decision.pair.policy_key,
        policy_version=decision.pair.policy_version,
        command=decision.command,
        starts_new=decision.starts_new,
        status=decision.status,
        body=decision.body,
        legs=decision.legs,
        bet=decision.authorization,
        records=None if records == NO_RECORDS else records,
    )


def parameters(command: Command) -> dict[str, Parameter]:
    """Return the parameters of the statement `wallet_apply_command`, with the bet's fields."""
    fields = asdict(command) | NO_BET
    if command.bet is not None:
        fields |= asdict(command.bet)
    del fields["bet"]
    return {
        name: value if type(value) in SENT_AS_THEY_ARE else _sent(value)
        for name, value in fields.items()
    }


def encoded(payload: object) -> str:
    """Encode a payload as JSON text for a statement's jsonb parameter."""
    return json.encode(payload).decode()


def _sent(value: object) -> str:
    # The driver picks an integer's SQL type by its size, and the server would prepare the statement
    # again for each type. So integers are sent as text. `str` also turns subclasses of `str` into
    # plain strings.
    return str(value) if isinstance(value, int | str) else encoded(value)
