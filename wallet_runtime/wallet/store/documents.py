"""Topology and policy documents: drafts, stored versions, and the active pair (ADR 7)."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from wallet_runtime.plumbing.errors import Conflict, Invalid
from wallet_runtime.plumbing.runtime import fence
from wallet_runtime.plumbing.runtime.database import Database, DatabaseSession, Row
from wallet_runtime.wallet.domain.state import PairReference
from wallet_runtime.wallet.domain.structure import Difference, differences
from wallet_runtime.wallet.domain.validation import validate_documents
from wallet_runtime.wallet.domain.violations import Violation, broken
from wallet_runtime.wallet.store.activation import ActivationRequest, activate
from wallet_runtime.wallet.store.drafts import Asked, once, save_policy, save_topology
from wallet_runtime.wallet.store.seeds import seed
from wallet_runtime.wallet.store.stored_pair import (
    DocumentNotFound,
    kept_versions,
    live_violations,
    pair_of,
    stored_topology,
    violations,
)

Kind = Literal["topology", "policy"]


class PolicyRequired(Invalid):
    """A topology version that is not active yet needs its policy with it (A7-10)."""

    code = "A7_10_POLICY_REQUIRED"


class PolicyForOtherTopology(Conflict):
    """A policy alone is activated only for the active topology (A7-11)."""

    code = "A7_11_POLICY_FOR_OTHER_TOPOLOGY"


class Documents:
    """Reads, saves, validates and activates the documents in one database."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def gate(self) -> Row:
        """Return the gate row: active pair, activation number, freeze level and epoch."""
        with self._database.session() as session:
            return session.one("wallet_gate")

    def topology_versions(self, code: str) -> list[Row]:
        """List the versions of a topology, newest first; raise `DocumentNotFound` if none."""
        return self._versions("wallet_topology_versions", code=code)

    def policy_versions(self, policy_key: str) -> list[Row]:
        """List the versions of a policy, newest first; raise `DocumentNotFound` if none."""
        return self._versions("wallet_policy_versions", policy_key=policy_key)

    def saved(self, kind: Kind) -> list[Row]:
        """List all saved versions of all topologies, or of all policies, without the documents."""
        with self._database.session() as session:
            return session.all("wallet_topologies" if kind == "topology" else "wallet_policies")

    def history(self, limit: int) -> list[Row]:
        """List activations, newest first: the new pair, the previous pair, the caller and time."""
        with self._database.session() as session:
            return session.all("wallet_activations", limit=limit)

    def diff(self, kind: Kind, name: str, old: int, new: int) -> list[Difference]:
        """Return the differences between two stored versions of one topology or policy.

        Raises `DocumentNotFound` (404) if either version is not stored.
        """
        rows = self.topology_versions(name) if kind == "topology" else self.policy_versions(name)
        stored = {row["version"]: row["document"] for row in rows}
        for version in (old, new):
            if version not in stored:
                raise _no_version(f"{kind} {name}", version, sorted(stored))
        return list(differences(stored[old], stored[new]))

    def active_policies(self) -> list[Row]:
        """List the active version of each policy."""
        with self._database.session() as session:
            return session.all("wallet_active_policies")

    def topology(self, code: str, version: int) -> dict[str, Any]:
        """Return one stored topology document."""
        with self._database.session() as session:
            document: dict[str, Any] = msgspec.to_builtins(
                stored_topology(session, code, version)[0]
            )
            return document

    def save_topology(
        self,
        code: str,
        document: dict[str, Any],
        saved_by: str,
        fence_token: int | None = None,
        asked: Asked | None = None,
    ) -> Row:
        """Save a topology draft, once per request.

        Raises `StructureInvalid` (422) for a malformed document or one with another code than
        `code`. Raises `NotADraft` (409) if this version was activated before.
        """
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
        """Save a policy draft, once per request.

        Raises `StructureInvalid` (422) for a malformed document or one with another key than
        `policy_key`. Raises `NotADraft` (409) if this version was activated before.
        """
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
        """Save the shipped drafts of a topology; see `seeds.seed`."""
        return seed(self._database, code, saved_by, fence_token)

    def validate(self, topology_document: object, policy_document: object) -> list[Violation]:
        """Return every rule (A7-1 to A7-9) that this pair would break if it were activated now.

        Nothing is saved or changed.
        """
        topology, broken_rules = validate_documents(topology_document, policy_document)
        if topology is None:
            return broken_rules
        with self._database.session() as session:
            kept = kept_versions(session, topology, topology_document, policy_document)
            return [
                *broken_rules,
                *kept,
                *live_violations(session, session.one("wallet_gate"), topology),
            ]

    def obstacles(self, pair: PairReference) -> list[Violation]:
        """Return every rule that would stop an activation of this stored pair now.

        It applies the rules of `activate`, but locks and changes nothing.
        """
        with self._database.session() as session:
            return violations(session, session.one("wallet_gate"), pair, keep=False)

    def refuse_other_topology(self, gate: Row, policy_key: str, version: int) -> None:
        """Raise `PolicyForOtherTopology` (409) if the policy is not for the active topology."""
        with self._database.session() as session:
            row = session.maybe("wallet_policy_version", policy_key=policy_key, version=version)
        if row is None:
            raise DocumentNotFound(f"policy {policy_key} version {version} is not stored")
        if _topology_of(row) != _topology_of(gate):
            raise _for_other_topology(row, gate)

    def activate(
        self, wanted: ActivationRequest, policy_document: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Activate topology and policy in one transaction; see `activation.activate`."""
        return activate(self._database, wanted, policy_document)

    def _versions(self, query_name: str, **key: str) -> list[Row]:
        with self._database.session() as session:
            rows = session.all(query_name, **key)
        if not rows:
            raise DocumentNotFound(f"no version is stored under {', '.join(key.values())!r}")
        return rows


def _topology_of(row: Row) -> str:
    return f"{row['topology_code']} version {row['topology_version']}"


def _for_other_topology(policy: Row, gate: Row) -> PolicyForOtherTopology:
    message = (
        f"policy {policy['policy_key']} version {policy['version']} is for"
        f" {_topology_of(policy)}; active is {_topology_of(gate)}."
        " Activate the topology with its policy instead (A7-11)."
    )
    return PolicyForOtherTopology(
        message, details={**broken("A7-11", "policy.topology", message), "active": pair_of(gate)}
    )


def _no_version(name: str, version: int, stored: list[int]) -> DocumentNotFound:
    return DocumentNotFound(
        f"{name} has no version {version}; stored are {', '.join(map(str, stored))}"
    )
