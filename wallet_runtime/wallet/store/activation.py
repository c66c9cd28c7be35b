"""The transaction that activates a topology together with its policy (ADR 7)."""

from typing import Any

import msgspec
import tenacity

from wallet_runtime.contract import sqlstates
from wallet_runtime.contract.codes import IDEMPOTENCY_PAYLOAD_MISMATCH
from wallet_runtime.contract.freeze import SEALED
from wallet_runtime.plumbing.errors import Conflict, ServiceBusy
from wallet_runtime.plumbing.runtime import fence
from wallet_runtime.plumbing.runtime.database import Database, DatabaseError, DatabaseSession, Row
from wallet_runtime.wallet.domain.state import PairReference
from wallet_runtime.wallet.domain.violations import Violation, broken
from wallet_runtime.wallet.store.drafts import save_policy
from wallet_runtime.wallet.store.stored_pair import SUPERSEDED, pair_of, violations

ACTIVATION_ATTEMPTS_MAX = 20
# The statement timeout of the switch. Money commands wait for the switch, so it is short, except
# while money is sealed.
SWITCH_MILLISECONDS = 250
SEALED_SWITCH_MILLISECONDS = 30_000
NO_POLICY = (None, None)


class ActivationRefused(Conflict):
    """The pair breaks rules that activation demands; nothing was changed."""

    code = "ACTIVATION_REFUSED"


class ActivePairMoved(Conflict):
    """Another pair is active than this activation starts from; look again before activating."""

    code = "ACTIVE_PAIR_MOVED"


class RequestReused(Conflict):
    """This request id activated another pair before."""

    code = IDEMPOTENCY_PAYLOAD_MISMATCH


class ByReference(Conflict):
    """A pair that was active before is activated by reference (A7-13)."""

    code = "A7_13_BY_REFERENCE"


class ActivationRequest(PairReference, frozen=True):
    """A request to activate a pair, with its caller, request id and fencing token.

    The `from_` fields name the pair that the caller believes to be active; its policy is optional.
    """

    from_topology_code: str | None
    from_topology_version: int | None
    caller: str
    request_id: str
    from_policy_key: str | None = None
    from_policy_version: int | None = None
    fence_token: int | None = None


def activate(
    database: Database, wanted: ActivationRequest, policy_document: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Activate topology and policy in one transaction; a repeated request gets the first answer.

    The validation of the pair blocks no money command. Only the last statement locks the gate row.
    It checks that the validation still holds, and switches. If it takes longer than
    `SWITCH_MILLISECONDS`, the activation is rolled back and tried again after a pause.

    Raises `ActivationRefused` (409) with every violation, or `ActivePairMoved` (409) if another
    pair is active than the request names.
    """
    retry = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(ServiceBusy),
        wait=tenacity.wait_random(0.05, 0.2),
        stop=tenacity.stop_after_attempt(ACTIVATION_ATTEMPTS_MAX),
        reraise=True,
    )
    return retry(_activate_once, database, wanted, policy_document)


def _activate_once(
    database: Database, wanted: ActivationRequest, policy_document: dict[str, Any] | None
) -> dict[str, Any]:
    with database.transaction() as session:
        gate = session.one("wallet_gate")
        done = _first_answer(session, wanted)
        if done is not None:
            return done
        if policy_document is not None:
            _save_policy(session, wanted, policy_document)
        if _is_active(gate, wanted):
            fence.hold(session, wanted.fence_token)
            return {"changed": False, "activation_no": gate["activation_no"], **pair_of(gate)}
        return _validate_and_switch(session, gate, wanted)


def _validate_and_switch(
    session: DatabaseSession, gate: Row, wanted: ActivationRequest
) -> dict[str, Any]:
    _refuse_other_start(gate, wanted)
    _refuse_violations(violations(session, gate, wanted, keep=True))
    activation = _switch(session, gate, wanted)
    return {
        "changed": True,
        **activation,
        **_pair_wanted(wanted),
        "from_topology_code": gate["topology_code"],
    }


def _first_answer(session: DatabaseSession, wanted: ActivationRequest) -> Row | None:
    """Return the answer to an earlier request with the same request id, or None."""
    done = session.maybe(
        "wallet_activation_by_request", caller=wanted.caller, request_id=wanted.request_id
    )
    if done is None:
        return None
    if pair_of(done) != _pair_wanted(wanted):
        raise RequestReused(details={"activated": pair_of(done)})
    return {"changed": True, **done}


def _save_policy(
    session: DatabaseSession, wanted: ActivationRequest, document: dict[str, Any]
) -> None:
    _refuse_superseded(session, wanted)
    fence.hold(session, wanted.fence_token)
    save_policy(session, wanted.policy_key, document, wanted.caller)


def _refuse_superseded(session: DatabaseSession, wanted: ActivationRequest) -> None:
    """Raise `ByReference` (409) if the sent policy was active before (A7-13)."""
    row = session.maybe(
        "wallet_policy_version", policy_key=wanted.policy_key, version=wanted.policy_version
    )
    if row is not None and row["state"] == SUPERSEDED:
        raise _by_reference(wanted)


def _by_reference(wanted: ActivationRequest) -> ByReference:
    message = (
        f"policy {wanted.policy_key} version {wanted.policy_version} was active before:"
        " name it by reference (A7-13)"
    )
    return ByReference(message, details=broken("A7-13", "policy_document", message))


def _refuse_other_start(gate: Row, wanted: ActivationRequest) -> None:
    """Raise `ActivePairMoved` if the request's `from_` fields do not name the active pair.

    The policy is compared only if the request names one.
    """
    topology = (wanted.from_topology_code, wanted.from_topology_version)
    policy = (wanted.from_policy_key, wanted.from_policy_version)
    active_topology = (gate["topology_code"], gate["topology_version"])
    active_policy = (gate["policy_key"], gate["policy_version"])
    if topology != active_topology or policy not in (NO_POLICY, active_policy):
        raise ActivePairMoved(details={"active": pair_of(gate)})


def _refuse_violations(found: list[Violation]) -> None:
    if found:
        raise ActivationRefused(
            f"{len(found)} rules are broken, the first: {found[0].rule} at {found[0].path}:"
            f" {found[0].message}",
            details={"violations": msgspec.to_builtins(found)},
        )


def _switch(session: DatabaseSession, gate: Row, wanted: ActivationRequest) -> Row:
    """Lock the gate row and switch the active pair; must be the transaction's last statement.

    Raises `ServiceBusy` if the validation is outdated.
    """
    session.run("wallet_bound_activation", milliseconds=str(_milliseconds(gate)))
    try:
        return session.one(
            "wallet_switch_active",
            activation_no=gate["activation_no"],
            **_pair_wanted(wanted),
            caller=wanted.caller,
            request_id=wanted.request_id,
            fence_token=wanted.fence_token,
        )
    except DatabaseError as error:
        if error.sqlstate != sqlstates.ACTIVATION_MOVED:
            raise
        raise ServiceBusy(
            "another activation, or money, came in between;"
            " repeat the request under the same request id"
        ) from error


def _milliseconds(gate: Row) -> int:
    return SEALED_SWITCH_MILLISECONDS if gate["freeze_level"] == SEALED else SWITCH_MILLISECONDS


def _is_active(gate: Row, wanted: ActivationRequest) -> bool:
    return pair_of(gate) == _pair_wanted(wanted)


def _pair_wanted(wanted: ActivationRequest) -> dict[str, Any]:
    return pair_of(msgspec.structs.asdict(wanted))
