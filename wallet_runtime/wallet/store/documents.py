"""Topology and policy documents: drafts, validation, and the one transaction that activates both (ADR-007)."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import resources
from typing import Any, Literal

import msgspec
import tenacity

from wallet_runtime.contract import sqlstates
from wallet_runtime.contract.codes import IDEMPOTENCY_PAYLOAD_MISMATCH
from wallet_runtime.contract.documents import RUBY_SPLIT_V1, RUBY_UNIFIED_V1
from wallet_runtime.contract.freeze import SEALED
from wallet_runtime.plumbing.errors import Conflict, Invalid, NotFound, ServiceBusy
from wallet_runtime.plumbing.runtime import fence
from wallet_runtime.plumbing.runtime.database import Database, DatabaseError, DatabaseSession, Row
from wallet_runtime.wallet.domain.documents import (
    DocumentInvalid,
    Policy,
    Topology,
    read_policy,
    read_topology,
)
from wallet_runtime.wallet.domain.state import PairReference
from wallet_runtime.wallet.domain.structure import Difference, differences
from wallet_runtime.wallet.domain.validation import (
    LiveReference,
    Violation,
    broken,
    validate_documents,
    validate_live_state,
    validate_pair,
)
from wallet_runtime.wallet.store.drafts import (
    Asked,
    once,
    save_policy,
    save_topology,
    typed_policy,
    typed_topology,
)

SEEDS = {
    RUBY_SPLIT_V1: ("ruby_split_v1.1.json", "ruby_split_v1.2.json"),
    RUBY_UNIFIED_V1: ("ruby_unified_v1.1.json",),
}
ACTIVATION_ATTEMPTS_MAX = 20
# An activation has so long for its one statement that keeps money waiting, and where money is sealed, so long for a long look at it.
SWITCH_MILLISECONDS = 250
SEALED_SWITCH_MILLISECONDS = 30_000
NO_POLICY = (None, None)
DRAFT, SUPERSEDED = "DRAFT", "SUPERSEDED"
Kind = Literal["topology", "policy"]


class ActivationRefused(Conflict):
    """The pair breaks rules that activation demands; nothing was changed."""

    code = "ACTIVATION_REFUSED"


class ActivePairMoved(Conflict):
    """Another pair is active than the one this activation starts from; look again before activating."""

    code = "ACTIVE_PAIR_MOVED"


class RequestReused(Conflict):
    """This request id activated another pair before."""

    code = IDEMPOTENCY_PAYLOAD_MISMATCH


class PolicyRequired(Invalid):
    """A topology version that is not active yet needs its policy with it (A7-10)."""

    code = "A7_10_POLICY_REQUIRED"


class PolicyForOtherTopology(Conflict):
    """A policy alone is activated only for the active topology (A7-11)."""

    code = "A7_11_POLICY_FOR_OTHER_TOPOLOGY"


class DocumentNotFound(NotFound):
    """No document is stored under this code and version."""

    code = "DOCUMENT_NOT_FOUND"


class SeedRefused(Conflict):
    """A seed's policy is stored for another topology; nothing was saved."""

    code = "SEED_POLICY_TAKEN"


class ByReference(Conflict):
    """A pair that was active before is activated by reference, not by sending its policy again (A7-13)."""

    code = "A7_13_BY_REFERENCE"


class ActivationRequest(PairReference, frozen=True):
    """The pair to activate and the pair to leave, whose policy may be left out.

    With them stand the person, the request id and the fencing token of the activation.
    """

    from_topology_code: str | None
    from_topology_version: int | None
    caller: str
    request_id: str
    from_policy_key: str | None = None
    from_policy_version: int | None = None
    fence_token: int | None = None


class Documents:
    """Documents of one wallet_service copy over its database."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def gate(self) -> Row:
        """Return the gate row: active pair, activation number, freeze."""
        with self._database.session() as session:
            return session.one("wallet_gate")

    def topology_versions(self, code: str) -> list[Row]:
        """List the versions of a topology code, newest first (404 when there is none)."""
        return self._versions("wallet_topology_versions", code=code)

    def policy_versions(self, policy_key: str) -> list[Row]:
        """List the versions under a policy key, newest first (404 when there is none)."""
        return self._versions("wallet_policy_versions", policy_key=policy_key)

    def saved(self, kind: Kind) -> list[Row]:
        """List every saved version of every topology code or policy key, without the documents."""
        with self._database.session() as session:
            return session.all("wallet_topologies" if kind == "topology" else "wallet_policies")

    def history(self, limit: int) -> list[Row]:
        """List activations, newest first: which pair, from which one, by whom and when."""
        with self._database.session() as session:
            return session.all("wallet_activations", limit=limit)

    def diff(self, kind: Kind, name: str, old: int, new: int) -> list[Difference]:
        """Return what differs between two stored versions of a topology code or policy key (404 when one is not there)."""
        rows = self.topology_versions(name) if kind == "topology" else self.policy_versions(name)
        stored = {row["version"]: row["document"] for row in rows}
        missing = [version for version in (old, new) if version not in stored]
        if missing:
            raise DocumentNotFound(
                f"{kind} {name} has no version {missing[0]}; stored are {', '.join(map(str, sorted(stored)))}"
            )
        return list(differences(stored[old], stored[new]))

    def active_policies(self) -> list[Row]:
        """List the active policy of each key."""
        with self._database.session() as session:
            return session.all("wallet_active_policies")

    def topology(self, code: str, version: int) -> dict[str, Any]:
        """Return one stored topology document."""
        with self._database.session() as session:
            return msgspec.to_builtins(_stored_topology(session, code, version)[0])  # type: ignore[no-any-return]

    def save_topology(
        self,
        code: str,
        document: dict[str, Any],
        saved_by: str,
        fence_token: int | None = None,
        asked: Asked | None = None,
    ) -> Row:
        """Save a topology draft once; 422 for its structure or another code than the path's, 409 when it is no draft."""
        return self._keep(
            asked, fence_token, lambda session: save_topology(session, code, document, saved_by)
        )

    def save_policy(
        self,
        policy_key: str,
        document: dict[str, Any],
        saved_by: str,
        fence_token: int | None = None,
        asked: Asked | None = None,
    ) -> Row:
        """Save a policy draft once; 422 for its structure or another key than the path's, 409 when it is no draft."""
        return self._keep(
            asked, fence_token, lambda session: save_policy(session, policy_key, document, saved_by)
        )

    def _keep(
        self, asked: Asked | None, fence_token: int | None, save: Callable[[DatabaseSession], Row]
    ) -> Row:
        with self._database.transaction() as session:

            def act() -> Row:
                fence.note_change(session, fence_token)
                return save(session)

            fence.hold(session, fence_token)
            return once(session, asked, act)

    def seed(self, code: str, saved_by: str, fence_token: int | None = None) -> list[Row]:
        """Save the shipped drafts of a topology code with their policies; versions that exist already stay as they are.

        Raises `SeedRefused` (409) where a policy of the same key and version is stored for another topology: the seed would be
        without a policy that it can be activated with.
        """
        saved: list[Row] = []
        with self._database.transaction() as session:
            fence.hold(session, fence_token)
            for name in SEEDS[code]:
                pair = msgspec.json.decode(
                    resources.files("wallet_runtime.wallet").joinpath("seeds", name).read_bytes()
                )
                topology, policy = read_topology(pair["topology"]), read_policy(pair["policy"])
                if (
                    session.maybe(
                        "wallet_topology_version", code=topology.code, version=topology.version
                    )
                    is None
                ):
                    saved.append(save_topology(session, topology.code, pair["topology"], saved_by))
                if not _is_policy_kept(session, policy):
                    saved.append(save_policy(session, policy.policy_key, pair["policy"], saved_by))
            if saved:
                fence.note_change(session, fence_token)
        return saved

    def validate(self, topology_document: object, policy_document: object) -> list[Violation]:
        """Return every rule that this pair would break if it were saved and activated now (A7-1 to A7-9); changes nothing."""
        topology, violations = validate_documents(topology_document, policy_document)
        if topology is None:
            return violations
        with self._database.session() as session:
            kept = _kept_versions(session, topology, topology_document, policy_document)
            return [
                *violations,
                *kept,
                *_live_violations(session, session.one("wallet_gate"), topology),
            ]

    def obstacles(self, pair: PairReference) -> list[Violation]:
        """Return every rule for which an activation of this stored pair would be refused now.

        These are the rules that `activate` applies; nothing is changed and nothing is locked.
        """
        with self._database.session() as session:
            return _violations(session, session.one("wallet_gate"), pair, keep=False)

    def refuse_other_topology(self, gate: Row, policy_key: str, version: int) -> None:
        """Raise `PolicyForOtherTopology` (409) unless this policy version is for the active topology (A7-11)."""
        with self._database.session() as session:
            row = session.maybe("wallet_policy_version", policy_key=policy_key, version=version)
        if row is None:
            raise DocumentNotFound(f"policy {policy_key} version {version} is not stored")
        target = (row["topology_code"], row["topology_version"])
        if target != (gate["topology_code"], gate["topology_version"]):
            message = f"policy {policy_key} version {version} is for {target[0]} version {target[1]}; active is "
            message += f"{gate['topology_code']} version {gate['topology_version']}. Activate the topology with its policy instead (A7-11)."
            raise PolicyForOtherTopology(
                message,
                details={**broken("A7-11", "policy.topology", message), "active": _pair_of(gate)},
            )

    def activate(
        self, wanted: ActivationRequest, policy_document: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Activate topology and policy in one transaction; the answer to a repeated request id is the first one.

        The pair is validated first, without keeping anybody waiting; the last statement takes the gate, sees that nothing of
        what was validated has moved, and switches. Money waits for that statement at most: it ends after `SWITCH_MILLISECONDS`,
        and where the gate cannot be had, this waits and tries again. Raises `ActivationRefused` (409) with every violation,
        `ActivePairMoved` (409) when the start is another pair.
        """
        retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(ServiceBusy),
            wait=tenacity.wait_random(0.05, 0.2),
            stop=tenacity.stop_after_attempt(ACTIVATION_ATTEMPTS_MAX),
            reraise=True,
        )
        return retry(self._activate_once, wanted, policy_document)

    def _activate_once(
        self, wanted: ActivationRequest, policy_document: dict[str, Any] | None
    ) -> dict[str, Any]:
        with self._database.transaction() as session:
            gate = session.one("wallet_gate")
            done = session.maybe(
                "wallet_activation_by_request", caller=wanted.caller, request_id=wanted.request_id
            )
            if done is not None:
                if _pair_of(done) != _pair_wanted(wanted):
                    raise RequestReused(details={"activated": _pair_of(done)})
                return {"changed": True, **done}
            if policy_document is not None:
                _refuse_superseded(session, wanted)
                fence.hold(session, wanted.fence_token)
                save_policy(session, wanted.policy_key, policy_document, wanted.caller)
            if _is_active(gate, wanted):
                fence.hold(session, wanted.fence_token)
                return {"changed": False, "activation_no": gate["activation_no"], **_pair_of(gate)}
            _refuse_other_start(gate, wanted)
            _refuse_violations(_violations(session, gate, wanted, keep=True))
            activation = _switch(session, gate, wanted)
            return {
                "changed": True,
                **activation,
                **_pair_wanted(wanted),
                "from_topology_code": gate["topology_code"],
            }

    def _versions(self, query_name: str, **key: str) -> list[Row]:
        with self._database.session() as session:
            rows = session.all(query_name, **key)
        if not rows:
            raise DocumentNotFound(f"no version is stored under {', '.join(key.values())!r}")
        return rows


def _is_policy_kept(session: DatabaseSession, policy: Policy) -> bool:
    """Tell whether a seed's policy is stored; raise `SeedRefused` where its key and version belong to another topology."""
    row = session.maybe(
        "wallet_policy_version", policy_key=policy.policy_key, version=policy.version
    )
    if row is None:
        return False
    other = (row["topology_code"], row["topology_version"])
    if other != (policy.topology.code, policy.topology.version):
        message = (
            f"policy {policy.policy_key} version {policy.version} is stored for {other[0]} version {other[1]}, so the seed of "
            f"{policy.topology.code} version {policy.topology.version} would have no policy; nothing was saved. "
            "Save the topology and a policy under a version of its own."
        )
        raise SeedRefused(message, details=broken("A7-2", "policy.topology", message))
    return True


def _refuse_superseded(session: DatabaseSession, wanted: ActivationRequest) -> None:
    """Raise `ByReference` where the policy that was sent as a document was active before (A7-13)."""
    row = session.maybe(
        "wallet_policy_version", policy_key=wanted.policy_key, version=wanted.policy_version
    )
    if row is not None and row["state"] == SUPERSEDED:
        message = f"policy {wanted.policy_key} version {wanted.policy_version} was active before: name it by reference (A7-13)"
        raise ByReference(message, details=broken("A7-13", "policy_document", message))


def _kept_versions(
    session: DatabaseSession, topology: Topology, topology_document: object, policy_document: object
) -> Iterator[Violation]:
    """Yield A7-9 for each document that differs from a version of its name that is, or was, active."""
    stored = [
        (
            "topology",
            topology_document,
            session.maybe("wallet_topology_version", code=topology.code, version=topology.version),
        )
    ]
    with suppress(DocumentInvalid):  # then its faults are told already
        policy = None if policy_document is None else read_policy(policy_document)
        if policy is not None:
            row = session.maybe(
                "wallet_policy_version", policy_key=policy.policy_key, version=policy.version
            )
            stored.append(("policy", policy_document, row))
    for kind, document, row in stored:
        if row is not None and row["state"] != DRAFT and row["document"] != document:
            yield Violation(
                "A7-9",
                f"{kind}.version",
                f"version {row['version']} is {row['state']} and reads otherwise; save a new version",
            )


def _refuse_other_start(gate: Row, wanted: ActivationRequest) -> None:
    """Raise `ActivePairMoved` unless the active pair is the one that the activation starts from; a policy only where it names one."""
    topology = (wanted.from_topology_code, wanted.from_topology_version)
    policy = (wanted.from_policy_key, wanted.from_policy_version)
    active = _pair_of(gate)
    if topology != tuple(active.values())[:2] or policy not in (
        NO_POLICY,
        tuple(active.values())[2:],
    ):
        raise ActivePairMoved(details={"active": active})


def _switch(session: DatabaseSession, gate: Row, wanted: ActivationRequest) -> Row:
    """Take the gate and switch, in the transaction's last statement. Raises `ServiceBusy` when what was validated has moved since."""
    sealed = gate["freeze_level"] == SEALED
    session.run(
        "wallet_bound_activation",
        milliseconds=str(SEALED_SWITCH_MILLISECONDS if sealed else SWITCH_MILLISECONDS),
    )
    try:
        return session.one(
            "wallet_switch_active",
            activation_no=gate["activation_no"],
            **{
                key: value
                for key, value in msgspec.structs.asdict(wanted).items()
                if not key.startswith("from_")
            },
        )
    except DatabaseError as error:
        if error.sqlstate != sqlstates.ACTIVATION_MOVED:
            raise
        raise ServiceBusy(
            "another activation, or money, came in between; repeat the request under the same request id"
        ) from error


def _violations(
    session: DatabaseSession, gate: Row, pair: PairReference, *, keep: bool
) -> list[Violation]:
    topology, _ = _stored_topology(session, pair.topology_code, pair.topology_version, keep=keep)
    query = "wallet_keep_policy" if keep else "wallet_policy_version"
    row = session.maybe(query, policy_key=pair.policy_key, version=pair.policy_version)
    if row is None:
        raise DocumentNotFound(
            f"policy {pair.policy_key} version {pair.policy_version} is not stored"
        )
    return [
        *validate_pair(topology, typed_policy(row["document"])),
        *_live_violations(session, gate, topology),
    ]


def _live_violations(session: DatabaseSession, gate: Row, topology: Topology) -> list[Violation]:
    active = None
    if gate["topology_code"] is not None:
        active, _ = _stored_topology(session, gate["topology_code"], gate["topology_version"])
    references = msgspec.convert(session.all("wallet_live_references"), list[LiveReference])
    return validate_live_state(topology, active, references)


def _refuse_violations(violations: list[Violation]) -> None:
    if violations:
        raise ActivationRefused(
            f"{len(violations)} rules are broken, the first: {violations[0].rule} at {violations[0].path}: {violations[0].message}",
            details={"violations": msgspec.to_builtins(violations)},
        )


def _stored_topology(
    session: DatabaseSession, code: str, version: int, *, keep: bool = False
) -> tuple[Topology, str]:
    row = session.maybe(
        "wallet_keep_topology" if keep else "wallet_topology_version", code=code, version=version
    )
    if row is None:
        raise DocumentNotFound(f"topology {code} version {version} is not stored")
    return typed_topology(row["document"]), str(row["state"])


def _is_active(gate: Row, wanted: ActivationRequest) -> bool:
    return _pair_of(gate) == _pair_wanted(wanted)


def _pair_of(gate: Row) -> dict[str, Any]:
    return {
        key: gate[key]
        for key in ("topology_code", "topology_version", "policy_key", "policy_version")
    }


def _pair_wanted(wanted: ActivationRequest) -> dict[str, Any]:
    return _pair_of(msgspec.structs.asdict(wanted))
