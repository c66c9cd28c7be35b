"""Requests that save a draft: each is carried out once, for good, so that one that comes late undoes no newer draft."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from sql import query
from wallet_runtime.plumbing.database import Row, Session, json
from wallet_runtime.plumbing.errors import PayloadMismatch

_CLAIM, _CLAIMED, _KEEP = "wallet_claim_draft", "wallet_claimed_draft", "wallet_keep_draft_answer"
for _name in (_CLAIM, _CLAIMED, _KEEP):
    query(_name)


@dataclass(frozen=True)
class Asked:
    """Who asks to save what on which route (`path` is the route filled in), under which request id."""

    caller: str
    path: str
    request_id: str
    document: object


def once(session: Session, asked: Asked | None, save: Callable[[], Row]) -> Row:
    """Save and keep the answer in one transaction; a repeat of the request gets the first answer and saves nothing.

    None is asked by no request. Raises `PayloadMismatch` (409) for an id that came with another document before.
    """
    if asked is None:
        return save()
    named = {"caller": asked.caller, "path": asked.path, "request_id": asked.request_id}
    payload = sha256(msgspec.json.encode(asked.document, order="deterministic")).digest()
    if session.maybe(_CLAIM, **named, payload_sha256=payload) is None:
        held = session.one(_CLAIMED, **named)
        if bytes(held["payload_sha256"]) != payload:
            raise PayloadMismatch
        answer: Row = held["answer"]
        return answer
    saved = save()
    session.run(_KEEP, **named, answer=json(saved))
    return saved
