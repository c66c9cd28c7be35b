"""A back-office command: audited, sent once under its person's key, its answer kept."""

from collections.abc import Callable
from typing import Any

import msgspec

from wallet_runtime.admin import store
from wallet_runtime.contract.codes import (
    BALANCE_LIMIT,
    FENCING_TOKEN_OVERTAKEN,
    IDEMPOTENCY_IN_FLIGHT,
)
from wallet_runtime.contract.headers import IDEMPOTENCY_KEY_HEADER
from wallet_runtime.contract.processes import WALLET_SERVICE
from wallet_runtime.plumbing.errors import ApiError, PassedThrough, PayloadMismatch
from wallet_runtime.plumbing.http.app import Answer, Call
from wallet_runtime.plumbing.http.headers import scoped_id
from wallet_runtime.plumbing.http.service_client import ServiceClient
from wallet_runtime.plumbing.runtime.context import Context

Audit = tuple[str, str | None]  # what a command is about, and the reason that was given for it
# Refusals of a rule. What the form or the credentials were refused for is tried again, as at the
# wallet.
REFUSED_FOR_GOOD = (400, 409)
TRIED_AGAIN = (
    IDEMPOTENCY_IN_FLIGHT,
    FENCING_TOKEN_OVERTAKEN,
    BALANCE_LIMIT,
)


def no_check() -> None:
    """Be the check of a command that needs none."""


def send(  # noqa: PLR0913
    context: Context,
    call: Call,
    command: str,
    method: str,
    path: str,
    body: object,
    audit: Audit,
    check: Callable[[], None] = no_check,
    process: str = WALLET_SERVICE,
) -> Answer:
    """Record the command, send it to a process at `path`, record the answer.

    Without its audit row a command is not sent.

    A repeat under the person's key gets the first final answer. `check` looks at the state of
    today, so a repeat is not checked. Raises `IdempotencyKeyRequired` (400) without a key,
    `PayloadMismatch` (409) for a key that this person used on this route for something else.
    """
    key = call.idempotency_key()
    request_id = scoped_id(call.caller, key, IDEMPOTENCY_KEY_HEADER)
    target, reason = audit
    named = (
        call.caller,
        call.route,
        path,
        key,
        command,
        target,
        call.brand_id,
        request_id,
        reason,
        body,
    )
    audited = store.AuditedCommand(*named, call.canary_token)
    recorded = store.record_command(context.database, audited)
    try:
        answer = _repeated(recorded)
        if answer is None:
            check()
            answer = _sent(context, call, recorded, process, method, path, body, request_id)
    except ApiError as error:
        store.record_answer(context.database, recorded, status=error.status, code=error.code)
        raise
    store.record_answer(context.database, recorded, status=answer.status, code=None)
    return answer


def _repeated(recorded: store.Recorded) -> Answer | None:
    earlier = recorded.earlier
    if earlier is None:
        return None
    if not earlier.is_same:
        raise PayloadMismatch(details={"first_audit_id": recorded.claimed_by})
    if earlier.status is None:
        # Its answer was never learnt. The wallet knows the request ids of money; a document that is
        # saved again is the same document.
        return None
    if earlier.status >= 400:
        raise PassedThrough(
            earlier.status,
            earlier.body["code"],
            earlier.body["message"],
            details=earlier.body["details"],
        )
    return Answer(earlier.status, earlier.body)


def _sent(  # noqa: PLR0913
    context: Context,
    call: Call,
    recorded: store.Recorded,
    process: str,
    method: str,
    path: str,
    body: object,
    request_id: str,
) -> Answer:
    try:
        answer = ServiceClient(context).forward(
            call, process, method, path, body, request_id=request_id
        )
    except PassedThrough as error:
        if error.status in REFUSED_FOR_GOOD and error.code not in TRIED_AGAIN:
            told: dict[str, Any] = {
                "code": error.code,
                "message": error.message,
                "details": error.details,
            }
            store.keep_answer(context.database, recorded, status=error.status, body=told)
        raise
    store.keep_answer(
        context.database, recorded, status=answer.status, body=msgspec.json.decode(answer.body)
    )
    return answer
