"""Drafts of documents, and the requests that save them.

Each request is carried out once. So a delayed repeat cannot overwrite a newer draft.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from sql import query
from wallet_runtime.plumbing.errors import Conflict, Invalid, PayloadMismatch
from wallet_runtime.plumbing.runtime.database import DatabaseSession, Row, json
from wallet_runtime.wallet.domain.documents import (
    DocumentInvalid,
    Policy,
    Topology,
    read_policy,
    read_topology,
)
from wallet_runtime.wallet.domain.structure import Fault
from wallet_runtime.wallet.domain.violations import broken

MESSAGE_LENGTH_MAX = 500
_CLAIM, _CLAIMED, _KEEP = "wallet_claim_draft", "wallet_claimed_draft", "wallet_keep_draft_answer"
for _name in (_CLAIM, _CLAIMED, _KEEP):
    query(_name)


class StructureInvalid(Invalid):
    """The document does not have the published structure."""

    code = "A7_1_STRUCTURE"


class NotADraft(Conflict):
    """This version is active or superseded; save the change under a new version (A7-9)."""

    code = "A7_9_NOT_A_DRAFT"


@dataclass(frozen=True)
class Asked:
    """A request to save a draft. `path` is the URL path with its parameters filled in."""

    caller: str
    path: str
    request_id: str
    document: object


def once(session: DatabaseSession, asked: Asked | None, save: Callable[[], Row]) -> Row:
    """Save a draft and store the answer under the request id; a repeat gets that answer.

    Without a request (`asked` is None) the draft is saved every time. Raises `PayloadMismatch`
    (409) if the request id was used with another document.
    """
    if asked is None:
        return save()
    named = {"caller": asked.caller, "path": asked.path, "request_id": asked.request_id}
    payload = _digest(asked.document)
    if session.maybe(_CLAIM, **named, payload_sha256=payload) is None:
        return _first_answer(session, named, payload)
    saved = save()
    session.run(_KEEP, **named, answer=json(saved))
    return saved


def _digest(document: object) -> bytes:
    return sha256(msgspec.json.encode(document, order="deterministic")).digest()


def _first_answer(session: DatabaseSession, named: dict[str, str], payload: bytes) -> Row:
    held = session.one(_CLAIMED, **named)
    if bytes(held["payload_sha256"]) != payload:
        raise PayloadMismatch
    answer: Row = held["answer"]
    return answer


def save_topology(
    session: DatabaseSession, code: str, document: dict[str, Any], saved_by: str
) -> Row:
    """Save a topology draft; return its code, version and state.

    Raises `StructureInvalid` (422) for a malformed document or one with another code than `code`,
    and `NotADraft` (409) if this version was activated before.
    """
    topology = typed_topology(document)
    if topology.code != code:
        raise StructureInvalid(
            f"code: the document is for {topology.code!r}, the path names {code!r}",
            details={"path": "code"},
        )
    row = session.maybe(
        "wallet_save_topology",
        code=code,
        version=topology.version,
        document=document,
        saved_by=saved_by,
    )
    if row is None:
        raise _not_a_draft("topology", code, topology.version)
    return row


def save_policy(
    session: DatabaseSession, policy_key: str, document: dict[str, Any], saved_by: str
) -> Row:
    """Save a policy draft; return its key, version and state.

    Raises `StructureInvalid` (422) for a malformed document or one with another key than
    `policy_key`, and `NotADraft` (409) if this version was activated before.
    """
    policy = typed_policy(document)
    if policy.policy_key != policy_key:
        message = (
            f"policy_key: the document is for {policy.policy_key!r},"
            f" the request names {policy_key!r}"
        )
        raise StructureInvalid(message, details={"path": "policy_key"})
    row = session.maybe(
        "wallet_save_policy",
        policy_key=policy_key,
        version=policy.version,
        topology_code=policy.topology.code,
        topology_version=policy.topology.version,
        document=document,
        saved_by=saved_by,
    )
    if row is None:
        raise _not_a_draft("policy", policy_key, policy.version)
    return row


def _not_a_draft(kind: str, name: str, version: int) -> NotADraft:
    message = (
        f"{kind} {name} version {version} is not a draft;"
        " save the change under a new version (A7-9)"
    )
    return NotADraft(message, details=broken("A7-9", f"{kind}.version", message))


def typed_topology(document: object) -> Topology:
    """Convert a topology document; raise `StructureInvalid` (422) with every fault."""
    try:
        return read_topology(document)
    except DocumentInvalid as error:
        raise _structure_invalid("topology", error) from None


def typed_policy(document: object) -> Policy:
    """Convert a policy document; raise `StructureInvalid` (422) with every fault."""
    try:
        return read_policy(document)
    except DocumentInvalid as error:
        raise _structure_invalid("policy", error) from None


def _structure_invalid(name: str, error: DocumentInvalid) -> StructureInvalid:
    violations = [_violation(name, fault) for fault in error.faults]
    return StructureInvalid(
        f"{name}: {error}"[:MESSAGE_LENGTH_MAX], details={"rule": "A7-1", "violations": violations}
    )


def _violation(name: str, fault: Fault) -> dict[str, str]:
    path = f"{name}.{fault.path}".rstrip(".")
    return {"rule": "A7-1", "path": path, "message": fault.message}
