"""A decided command in the words of `wallet.command`: for a statement of its own as parameters, in a batch as JSON."""

from typing import Any
from uuid import UUID

import msgspec

from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.state import Request, State

# Every field of `wallet.bet`, each None; a decision names those that its bet has.
NO_BET: dict[str, object] = dict.fromkeys(
    (
        "authorization_id",
        "provider_id",
        "provider_type",
        "bet_id",
        "round_id",
        "stake",
        "from_state",
        "state",
        "funding",
        "policy_snapshot",
        "payout",
        "payout_shares",
    )
)
# What only some commands write beside their legs and their bet: every field that has no place of its own below.
RECORDS = tuple(
    name
    for name in Decision.__struct_fields__
    if name not in {"command", "status", "body", "pair", "starts_new", "legs", "authorization"}
)
SENT_AS_THEY_ARE = frozenset({type(None), str, bool, UUID})


def command_of(request: Request, state: State, decision: Decision) -> dict[str, Any]:
    """Name who asks for what, on what it was decided and what was decided; None for what the command does not have."""
    assert state.player is not None
    # The database would leave out a name that it does not know.
    assert decision.authorization is None or decision.authorization.keys() <= NO_BET.keys()
    asked = {
        "brand_id": request.brand_id,
        "player_id": request.player_id,
        "caller": request.caller,
        "route": request.route,
        "request_id": request.request_id,
        "fingerprint": f"\\x{request.fingerprint}",
        "transaction_id": request.transaction_id,
        "canary_token": request.canary_token,
        "fence_token": request.fence_token,
    }
    seen = {
        "player_version": state.player.version,
        "activation_no": state.gate.activation_no,
        "currency": state.player.currency,
        "canary": state.player.canary,
        "topology_code": decision.pair.topology_code,
        "topology_version": decision.pair.topology_version,
        "policy_key": decision.pair.policy_key,
        "policy_version": decision.pair.policy_version,
    }
    decided = {
        "command": decision.command,
        "starts_new": decision.starts_new,
        "status": decision.status,
        "body": decision.body,
        "legs": decision.legs,
        "bet": decision.authorization,
        "records": {name: value for name in RECORDS if (value := getattr(decision, name))} or None,
    }
    return asked | seen | decided


def parameters(command: dict[str, Any]) -> dict[str, object]:
    """Turn a command into the parameters of `wallet_apply_command`, those of its bet beside its own."""
    fields = command | NO_BET | (command["bet"] or {})
    del fields["bet"]
    return {
        name: value if type(value) in SENT_AS_THEY_ARE else _sent(value)
        for name, value in fields.items()
    }


def encoded(payload: object) -> str:
    """Encode a payload as the JSON text that the statements take."""
    return msgspec.json.encode(payload).decode()


def _sent(value: object) -> object:
    # A text of a type of its own is text all the same. Integers go as text: the driver would send a type by their size, and the
    # server would plan the statement anew for each.
    return str(value) if isinstance(value, int | str) else encoded(value)
