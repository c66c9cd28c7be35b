"""Sends a back-office command once per idempotency key, audits it and stores its answer."""

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

Audit = tuple[str, str | None]  # the target of a command, and the person's reason for it
# A refusal with one of these statuses is final and stored, unless its code is in TRIED_AGAIN. A
# repeat after any other error is sent again.
REFUSED_FOR_GOOD = (400, 409)
TRIED_AGAIN = (
    IDEMPOTENCY_IN_FLIGHT,
    FENCING_TOKEN_OVERTAKEN,
    BALANCE_LIMIT,
)


def no_check() -> None:
    """Accept the command; the default of `check`."""


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
    """Write the audit row, send the command to `process` at `path`, and record the answer.

    A command whose audit row cannot be written is not sent.

    A repeat under the same key returns the stored final answer. It skips `check`, because `check`
    judges the current state. Raises `IdempotencyKeyRequired` (400) without a key, and
    `PayloadMismatch` (409) if this person used the key on this route for something else.
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
        # The first answer is unknown, so the command is sent again. This is safe: the wallet
        # recognizes the request id of a money command, and saving the same document again changes
        # nothing.
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
