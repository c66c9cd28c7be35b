"""Reads stored topologies and policies, and checks them against the rules for an activation."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from wallet_runtime.plumbing.errors import NotFound
from wallet_runtime.plumbing.runtime.database import DatabaseSession, Row
from wallet_runtime.wallet.domain.documents import DocumentInvalid, Policy, Topology, read_policy
from wallet_runtime.wallet.domain.state import PairReference
from wallet_runtime.wallet.domain.validation import (
    LiveReference,
    validate_live_state,
    validate_pair,
)
from wallet_runtime.wallet.domain.violations import Violation
from wallet_runtime.wallet.store.drafts import typed_policy, typed_topology

DRAFT, SUPERSEDED = "DRAFT", "SUPERSEDED"


class DocumentNotFound(NotFound):
    """No document is stored under this code and version."""

    code = "DOCUMENT_NOT_FOUND"


def stored_topology(
    session: DatabaseSession, code: str, version: int, *, keep: bool = False
) -> tuple[Topology, str]:
    """Return a stored topology and its state, or raise `DocumentNotFound` (404).

    `keep` locks the row until the end of the transaction.
    """
    row = session.maybe(
        "wallet_keep_topology" if keep else "wallet_topology_version", code=code, version=version
    )
    if row is None:
        raise DocumentNotFound(f"topology {code} version {version} is not stored")
    return typed_topology(row["document"]), str(row["state"])


def violations(
    session: DatabaseSession, gate: Row, pair: PairReference, *, keep: bool
) -> list[Violation]:
    """Return every rule that a stored pair breaks now; `keep` locks both documents' rows."""
    topology, _ = stored_topology(session, pair.topology_code, pair.topology_version, keep=keep)
    policy = _stored_policy(session, pair.policy_key, pair.policy_version, keep=keep)
    return [*validate_pair(topology, policy), *live_violations(session, gate, topology)]


def _stored_policy(
    session: DatabaseSession, policy_key: str, version: int, *, keep: bool
) -> Policy:
    query = "wallet_keep_policy" if keep else "wallet_policy_version"
    row = session.maybe(query, policy_key=policy_key, version=version)
    if row is None:
        raise DocumentNotFound(f"policy {policy_key} version {version} is not stored")
    return typed_policy(row["document"])


def live_violations(session: DatabaseSession, gate: Row, topology: Topology) -> list[Violation]:
    """Return violations of A7-8: buckets in use that the new topology lacks or redefines."""
    active = _active_topology(session, gate)
    references = msgspec.convert(session.all("wallet_live_references"), list[LiveReference])
    return validate_live_state(topology, active, references)


def _active_topology(session: DatabaseSession, gate: Row) -> Topology | None:
    if gate["topology_code"] is None:
        return None
    return stored_topology(session, gate["topology_code"], gate["topology_version"])[0]


def kept_versions(
    session: DatabaseSession, topology: Topology, topology_document: object, policy_document: object
) -> Iterator[Violation]:
    """Yield an A7-9 violation for each document that changes a version which was ever active."""
    row = session.maybe("wallet_topology_version", code=topology.code, version=topology.version)
    yield from _kept("topology", topology_document, row)
    if policy_document is None:
        return
    with suppress(DocumentInvalid):  # the caller has reported the faults of an invalid policy
        policy = read_policy(policy_document)
        row = session.maybe(
            "wallet_policy_version", policy_key=policy.policy_key, version=policy.version
        )
        yield from _kept("policy", policy_document, row)


def _kept(kind: str, document: object, row: Row | None) -> Iterator[Violation]:
    if row is not None and row["state"] != DRAFT and row["document"] != document:
        yield Violation(
            "A7-9",
            f"{kind}.version",
            f"version {row['version']} is {row['state']} and reads otherwise; save a new version",
        )


def pair_of(gate: Row) -> dict[str, Any]:
    """Return the codes and versions of a pair from a row that has them among its columns."""
    return {
        key: gate[key]
        for key in ("topology_code", "topology_version", "policy_key", "policy_version")
    }
