"""The audit of commands: a row before a command is sent, its answer after it."""

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

import msgspec

from sql import query
from wallet_runtime.plumbing.database import Database

_COMMAND, _ANSWER = "admin_audit_command", "admin_audit_answer"
for _name in (_COMMAND, _ANSWER):
    query(_name)


@dataclass(frozen=True)
class AuditedCommand:
    """Who (`actor`) wants what (`command`) of whom (`target`); `body` is kept as a digest only."""

    actor: str
    command: str
    target: str
    brand_id: UUID | None
    request_id: str
    reason: str | None
    body: object


def record_command(database: Database, command: AuditedCommand) -> int:
    """Record a command that is about to be sent, and return its audit id."""
    digest = sha256(msgspec.json.encode(command.body, order="deterministic")).digest()
    with database.session() as session:
        row = session.one(
            _COMMAND,
            actor=command.actor,
            command=command.command,
            target=command.target,
            brand_id=command.brand_id,
            request_id=command.request_id,
            reason=command.reason,
            body_sha256=digest,
        )
    audit_id: int = row["audit_id"]
    return audit_id


def record_answer(database: Database, audit_id: int, *, status: int, code: str | None) -> None:
    """Record what the answer was."""
    with database.session() as session:
        session.run(_ANSWER, audit_id=audit_id, status=status, code=code)
