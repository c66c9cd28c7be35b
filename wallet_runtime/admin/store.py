"""The audit rows of commands: written before a command is sent, completed with its answer.

A person can use an idempotency key once per route.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from sql import query
from wallet_runtime.plumbing.runtime import seal
from wallet_runtime.plumbing.runtime.database import Database, DatabaseSession

_COMMAND, _ANSWER = "admin_audit_command", "admin_audit_answer"
_CLAIM, _REPEAT, _KEEP = "admin_claim_key", "admin_audit_repeat", "admin_keep_answer"
for _name in (_COMMAND, _ANSWER, _CLAIM, _REPEAT, _KEEP):
    query(_name)


@dataclass(frozen=True)
class AuditedCommand:
    """A command of the back office: the person `actor` sends `command` for `target` under `key`.

    `route` is the route of the back office, `path` the path at the other service. `request_id` is
    the command's idempotency key there. Only a digest of `body` is stored.
    """

    actor: str
    route: str
    path: str
    key: str
    command: str
    target: str
    brand_id: UUID | None
    request_id: str
    reason: str | None
    body: object
    canary_token: str | None


@dataclass(frozen=True)
class Earlier:
    """The first command under a key: whether it was the same command, and its final answer.

    `status` is None while the final answer is unknown.
    """

    is_same: bool
    status: int | None
    body: Any


@dataclass(frozen=True)
class Recorded:
    """A recorded command.

    `claimed_by` is the audit id of the first command under the key. `earlier` is that command, or
    None if this command is the first.
    """

    audit_id: int
    claimed_by: int
    earlier: Earlier | None
    canary_token: str | None = None


def record_command(database: Database, command: AuditedCommand) -> Recorded:
    """Record a command that is about to be sent, and claim its key."""
    payload = _digest([command.path, command.body])
    claim = {
        "actor": command.actor,
        "brand_id": command.brand_id,
        "route": command.route,
        "key": command.key,
    }
    with database.transaction() as session:
        seal.show_pass(session, command.canary_token)
        audit_id = _audited(session, command)
        if session.maybe(_CLAIM, **claim, payload_sha256=payload, audit_id=audit_id):
            return Recorded(audit_id, audit_id, None, command.canary_token)
        held = session.one(_REPEAT, **claim, audit_id=audit_id)
    earlier = Earlier(bytes(held["payload_sha256"]) == payload, held["status"], held["body"])
    return Recorded(audit_id, held["audit_id"], earlier, command.canary_token)


def record_answer(database: Database, recorded: Recorded, *, status: int, code: str | None) -> None:
    """Record the status and error code of the answer."""
    with seal.writing(database, recorded.canary_token) as session:
        session.run(_ANSWER, audit_id=recorded.audit_id, status=status, code=code)


def keep_answer(database: Database, recorded: Recorded, *, status: int, body: object) -> None:
    """Store a final answer for repeats under the same key."""
    with seal.writing(database, recorded.canary_token) as session:
        session.run(
            _KEEP,
            audit_id=recorded.claimed_by,
            status=status,
            body=msgspec.json.encode(body).decode(),
        )


def _audited(session: DatabaseSession, command: AuditedCommand) -> int:
    row = session.one(
        _COMMAND,
        actor=command.actor,
        command=command.command,
        target=command.target,
        brand_id=command.brand_id,
        request_id=command.request_id,
        reason=command.reason,
        body_sha256=_digest(command.body),
    )
    audit_id: int = row["audit_id"]
    return audit_id


def _digest(payload: object) -> bytes:
    return sha256(msgspec.json.encode(payload, order="deterministic")).digest()
