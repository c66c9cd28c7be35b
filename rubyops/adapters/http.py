"""HTTP as the operator. The reader's client has GET and no other verb; only the engine's hands have the rest."""

import json
import weakref
from collections.abc import Mapping
from typing import Any

import httpx

from rubyops.adapters.driver import Driver
from rubyops.errors import LockLost
from rubyops.ports import HttpAnswer, Mark
from wallet_runtime import contract

TIMEOUT_SECONDS = 10.0
OVERTAKEN_STATUS = 409
TOKEN_NAME = contract.TOKEN_VARIABLE_PREFIX + contract.OPERATOR.upper()


class GetClient:
    """Reads routes of the platform's processes as the operator."""

    def __init__(self, driver: Driver) -> None:
        """Ask this driver for addresses and for the operator's token."""
        self._driver = driver
        self._client: httpx.Client | None = None

    def get(self, process: str, path: str, *, copy: int = 1, brand_id: str | None = None) -> HttpAnswer:
        """GET a route; a copy that does not answer gives status 0."""
        return self._send("GET", f"{self._driver.process_url(process, copy)}{path}", self.operator_headers(brand_id), None)

    def operator_headers(self, brand_id: str | None) -> dict[str, str]:
        """Return the headers by which the operator is known."""
        headers = {contract.CALLER_HEADER: contract.OPERATOR, contract.TOKEN_HEADER: self._driver.secret(TOKEN_NAME).reveal()}
        return headers | ({contract.BRAND_HEADER: brand_id} if brand_id else {})

    def _send(self, method: str, url: str, headers: Mapping[str, str], raw: bytes | None) -> HttpAnswer:
        if self._client is None:
            self._client = httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False)
            weakref.finalize(self, self._client.close)  # as in database.Link
        try:
            answer = self._client.request(method, url, headers=dict(headers), content=raw)
        except httpx.HTTPError as error:
            return HttpAnswer(0, None, f"{type(error).__name__}: {error}")
        return HttpAnswer(answer.status_code, _decoded(answer.text))


class CallClient(GetClient):
    """Calls any route with any verb; only what changes environments is given one."""

    def send(self, process: str, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> HttpAnswer:
        """Send one request to the first copy of a process."""
        typed = {"Content-Type": "application/json"} if body is not None else {}
        return self._send(method, f"{self._driver.process_url(process)}{path}", {**typed, **headers}, body)


def code_of(answer: HttpAnswer) -> object:
    """Return the code of an error, None for any other answer."""
    return answer.body.get("code") if isinstance(answer.body, dict) else None


def not_overtaken(answer: HttpAnswer, mark: Mark) -> HttpAnswer:
    """Return the answer, or raise `LockLost` where the service refused the mark's token."""
    if (answer.status, code_of(answer)) == (OVERTAKEN_STATUS, contract.FENCING_TOKEN_OVERTAKEN):
        raise LockLost(
            f"another run has taken over: fencing token {mark.token} was overtaken, so the service changed nothing",
            next_command="rubyops lock show",
        )
    return answer


def encode(body: Mapping[str, object] | None) -> bytes | None:
    """Write a request body."""
    return None if body is None else json.dumps(body, separators=(",", ":")).encode()


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
