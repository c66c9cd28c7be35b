"""Topology and policy documents: drafts, what is stored of them, and what is active (ADR 7)."""

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
        """Return what differs between two stored versions (404 when one is not there)."""
        rows = self.topology_versions(name) if kind == "topology" else self.policy_versions(name)
        stored = {row["version"]: row["document"] for row in rows}
        missing = [version for version in (old, new) if version not in stored]
        if missing:
            raise DocumentNotFound(
                f"{kind} {name} has no version {missing[0]};"
                f" stored are {', '.join(map(str, sorted(stored)))}"
            )
        return list(differences(stored[old], stored[new]))

    def active_policies(self) -> list[Row]:
        """List the active policy of each key."""
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
        """Save a topology draft once.

        422 for its structure or another code than the path's, 409 when it is no draft.
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
        """Save a policy draft once.

        422 for its structure or another key than the path's, 409 when it is no draft.
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
        """Save the shipped drafts of a topology code, as `seeds.seed` says."""
        return seed(self._database, code, saved_by, fence_token)

    def validate(self, topology_document: object, policy_document: object) -> list[Violation]:
        """Return every rule that this pair would break if it were saved and activated now.

        A7-1 to A7-9; nothing is changed.
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
        """Return every rule for which an activation of this stored pair would be refused now.

        These are the rules that `activate` applies; nothing is changed and nothing is locked.
        """
        with self._database.session() as session:
            return violations(session, session.one("wallet_gate"), pair, keep=False)

    def refuse_other_topology(self, gate: Row, policy_key: str, version: int) -> None:
        """Raise `PolicyForOtherTopology` (409) unless it is for the active topology (A7-11)."""
        with self._database.session() as session:
            row = session.maybe("wallet_policy_version", policy_key=policy_key, version=version)
        if row is None:
            raise DocumentNotFound(f"policy {policy_key} version {version} is not stored")
        target = (row["topology_code"], row["topology_version"])
        if target != (gate["topology_code"], gate["topology_version"]):
            message = (
                f"policy {policy_key} version {version} is for {target[0]} version {target[1]};"
                f" active is {gate['topology_code']} version {gate['topology_version']}."
                " Activate the topology with its policy instead (A7-11)."
            )
            raise PolicyForOtherTopology(
                message,
                details={**broken("A7-11", "policy.topology", message), "active": pair_of(gate)},
            )

    def activate(
        self, wanted: ActivationRequest, policy_document: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Activate topology and policy in one transaction, as `activation.activate` says."""
        return activate(self._database, wanted, policy_document)

    def _versions(self, query_name: str, **key: str) -> list[Row]:
        with self._database.session() as session:
            rows = session.all(query_name, **key)
        if not rows:
            raise DocumentNotFound(f"no version is stored under {', '.join(key.values())!r}")
        return rows
