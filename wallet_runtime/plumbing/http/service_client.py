"""HTTP calls from one process to another, with the caller's token; errors are passed on."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx
import msgspec

from wallet_runtime.contract.headers import (
    BRAND_HEADER,
    CALLER_HEADER,
    CANARY_HEADER,
    FENCE_HEADER,
    REQUEST_ID_HEADER,
    TOKEN_HEADER,
)
from wallet_runtime.contract.persons import Act, Person
from wallet_runtime.plumbing.errors import OutcomeUnknown, PassedThrough, Unavailable
from wallet_runtime.plumbing.http import persons
from wallet_runtime.plumbing.http.app import Answer, Call
from wallet_runtime.plumbing.runtime.context import Context

ATTEMPTS_MAX = 2
_FIRST_ERROR_STATUS = 400


class ServiceClient:
    """Calls the routes of other processes."""

    def __init__(self, context: Context) -> None:
        """Take the HTTP client, the URLs and the token from the context."""
        self._context = context

    def call(
        self,
        process: str,
        method: str,
        path: str,
        body: object | None = None,
        *,
        brand_id: UUID | None = None,
        request_id: str | None = None,
        canary_token: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call a route and return its status and decoded body.

        Raises `PassedThrough` with the other process's error for a status of 400 or more,
        `Unavailable` (503) if it cannot be reached, and `OutcomeUnknown` (504) if a write was sent
        but not answered.
        """
        headers = self._headers(brand_id, request_id, canary_token)
        answer = self._send(
            process, method, path, content=_encode(body), headers=headers, query=query
        )
        decoded = _decode(answer, process)
        if answer.status_code < _FIRST_ERROR_STATUS:
            return Answer(answer.status_code, decoded)
        raise _passed_through(answer, decoded, process)

    def forward(
        self,
        call: Call,
        process: str,
        method: str,
        path: str,
        body: object | None = None,
        *,
        request_id: str | None = None,
    ) -> Answer:
        """Send a client's request on to another process; return its answer as raw bytes.

        The call carries the request's brand, id and tokens, and a signature of its person. Raises
        as `call` does.
        """
        sent_id, content = request_id or call.request_id, _encode(body)
        headers = self._headers(call.brand_id, sent_id, call.canary_token)
        if call.fence_token is not None:
            headers[FENCE_HEADER] = str(call.fence_token)
        if call.person is not None:
            act = persons.act_of(call.brand_id, method, path, sent_id, content)
            headers |= self._signature(process, call.person, act)
        answer = self._send(process, method, path, content=content, headers=headers)
        if answer.status_code < _FIRST_ERROR_STATUS:
            return Answer(answer.status_code, answer.content)
        raise _passed_through(answer, _decode(answer, process), process)

    def _signature(self, process: str, person: Person, act: Act) -> dict[str, str]:
        settings = self._context.settings
        return persons.header_for(settings, process, person, act, self._context.clock())

    def _headers(
        self, brand_id: UUID | None, request_id: str | None, canary_token: str | None
    ) -> dict[str, str]:
        settings = self._context.settings
        token = settings.own_token.reveal().decode() if settings.own_token else ""
        headers = {
            CALLER_HEADER: settings.process,
            TOKEN_HEADER: token,
            "Content-Type": "application/json",
        }
        given = {
            BRAND_HEADER: None if brand_id is None else str(brand_id),
            REQUEST_ID_HEADER: request_id,
            CANARY_HEADER: canary_token,
        }
        return {**headers, **{name: value for name, value in given.items() if value is not None}}

    def _send(
        self,
        process: str,
        method: str,
        path: str,
        *,
        content: bytes | None,
        headers: dict[str, str],
        query: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a call, and retry once after a connection error.

        A retry is safe, because a write is idempotent by its request id.
        """
        http, url = self._address(process)
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                return http.request(
                    method, url + path, content=content, headers=headers, params=query
                )
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                if attempt == ATTEMPTS_MAX:
                    raise _unreachable(process) from error
            except httpx.TimeoutException as error:
                raise _no_answer(process, method) from error
            except httpx.TransportError as error:
                if attempt == ATTEMPTS_MAX:
                    raise _no_answer(process, method) from error
        raise AssertionError("the attempts end in an answer or an error")

    def _address(self, process: str) -> tuple[httpx.Client, str]:
        http, url = self._context.http, self._context.settings.service_urls.get(process)
        if http is None or url is None:
            raise AssertionError(
                f"{self._context.settings.process} calls {process}, "
                "but contract.routes.ROUTE_CALLERS does not say so"
            )
        return http, url


def _unreachable(process: str) -> Unavailable:
    return Unavailable(
        f"{process} cannot be reached; repeat the request later under the same request id"
    )


def _no_answer(process: str, method: str) -> Unavailable | OutcomeUnknown:
    if method == "GET":
        return Unavailable(f"{process} did not answer in time; repeat the request later")
    return OutcomeUnknown(
        f"{process} took the request but did not answer: "
        "repeat it under the same request id to learn the outcome"
    )


def _encode(body: object | None) -> bytes | None:
    return None if body is None else msgspec.json.encode(body)


def _decode(answer: httpx.Response, process: str) -> Any:
    try:
        return msgspec.json.decode(answer.content) if answer.content else None
    except msgspec.DecodeError:
        raise Unavailable(
            f"{process} gave an answer that is not JSON (status {answer.status_code})"
        ) from None


def _passed_through(answer: httpx.Response, decoded: Any, process: str) -> PassedThrough:
    said = decoded if isinstance(decoded, dict) else {}
    return PassedThrough(
        answer.status_code,
        str(said.get("code", "UPSTREAM_ERROR")),
        str(said.get("message", f"{process} answered {answer.status_code}")),
        details=said.get("details") or {},
        retry_after=_retry_after(answer),
    )


def _retry_after(answer: httpx.Response) -> int | None:
    seconds: str = answer.headers.get("Retry-After", "")
    return int(seconds) if seconds.isdigit() else None
