"""HTTP clients of the operator. Checks get a client with GET only, effects one with all verbs.

One time limit covers connecting, sending and the whole answer, also when the answer comes slowly.
"""

import json
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rubyops.adapters.bounded import DOUBT_SECONDS, Hook, Patience, Watch, within
from rubyops.adapters.driver import Driver
from rubyops.errors import NoSecret, overtaken
from rubyops.ports import EffectIdentity, HttpAnswer
from wallet_runtime.contract.codes import FENCING_TOKEN_OVERTAKEN
from wallet_runtime.contract.headers import BRAND_HEADER, CALLER_HEADER, TOKEN_HEADER
from wallet_runtime.contract.processes import OBSERVER, OPERATOR
from wallet_runtime.contract.routes import OBSERVED_PATHS
from wallet_runtime.contract.secrets import TOKEN_VARIABLE_PREFIX

if TYPE_CHECKING:
    import ssl

    import httpx

TIMEOUT_SECONDS = 10.0
OVERTAKEN_STATUS = 409
TOKEN_NAME = TOKEN_VARIABLE_PREFIX + OPERATOR.upper()
OBSERVER_TOKEN_NAME = TOKEN_VARIABLE_PREFIX + OBSERVER.upper()


class _Late(Exception):
    """The whole answer did not arrive within the time limit."""


class GetClient:
    """Reads routes of the platform's processes as the operator.

    `while_waiting` is called while a GET waits, and may raise to end the call.
    """

    def __init__(
        self,
        driver: Driver,
        seconds: float = TIMEOUT_SECONDS,
        doubt_seconds: float = DOUBT_SECONDS,
    ) -> None:
        """Take addresses and tokens from this driver; a call takes at most `seconds`."""
        self._driver = driver
        self._seconds = seconds
        self._doubt_seconds = doubt_seconds
        self._client: httpx.Client | None = None
        self._patience: dict[str, Patience] = {}
        self.while_waiting: Hook | None = None

    def get(
        self, process: str, path: str, *, copy: int = 1, brand_id: str | None = None
    ) -> HttpAnswer:
        """GET a route of a copy. Status 0 means that the copy did not answer."""
        where = self._driver.process_url(process, copy)
        patience = self._patience.setdefault(where, Patience(self._doubt_seconds))
        headers = (
            self.observer_headers() if path in OBSERVED_PATHS else self.operator_headers(brand_id)
        )
        return self._send("GET", f"{where}{path}", headers, None, patience, self._limit())

    def _limit(self) -> float:
        """Return the time limit of a GET in seconds.

        A copy that hangs shortens the limit for all copies until it answers. Copies are called one
        after another, so sixteen copies that hang would take sixteen full limits.
        """
        return min(each.seconds(self._seconds) for each in self._patience.values())

    def operator_headers(self, brand_id: str | None) -> dict[str, str]:
        """Return the headers that authenticate the operator."""
        headers = {
            CALLER_HEADER: OPERATOR,
            TOKEN_HEADER: self._driver.secret(TOKEN_NAME).reveal(),
        }
        return headers | ({BRAND_HEADER: brand_id} if brand_id else {})

    def observer_headers(self) -> dict[str, str]:
        """Return the headers that unlock the details of /health and /metrics.

        Empty when `up` has not generated the token yet. A process then shows its status alone.
        """
        try:
            token = self._driver.secret(OBSERVER_TOKEN_NAME).reveal()
        except NoSecret:
            return {}
        return {CALLER_HEADER: OBSERVER, TOKEN_HEADER: token}

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        raw: bytes | None,
        patience: Patience,
        seconds: float,
    ) -> HttpAnswer:
        import httpx

        client = self._client or self._connected(url)
        request = client.build_request(method, url, headers=dict(headers), content=raw)
        watch = Watch(seconds, _Late, self.while_waiting if method == "GET" else None)
        try:
            answer = within(watch, lambda: _whole(client, request, watch), lambda _: client.close())
        except httpx.HTTPError as error:
            patience.doubts = isinstance(error, httpx.TimeoutException)
            return HttpAnswer(0, None, f"{type(error).__name__}: {error}")
        except _Late:
            self._abandon(patience)
            return HttpAnswer(0, None, f"no whole answer within {seconds:g} s")
        except BaseException:
            self._abandon(patience)
            raise
        patience.doubts = False
        return answer

    def _connected(self, url: str) -> "httpx.Client":
        import httpx

        # httpx limits each part of a call, the watch limits the whole call. This limit of httpx
        # only ends a thread that the watch has abandoned.
        limit = self._seconds + 1
        self._client = httpx.Client(timeout=limit, trust_env=False, verify=trust(url))
        # Close the client when a caller drops this object.
        weakref.finalize(self, self._client.close)
        return self._client

    def _abandon(self, patience: Patience) -> None:
        """Drop the client after a late call, whose thread goes on and closes the client."""
        self._client = None
        patience.doubts = True


class CallClient(GetClient):
    """Calls any route with any verb. Checks do not get this client."""

    def send(
        self, process: str, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> HttpAnswer:
        """Send one request to the first copy of a process."""
        typed = {"Content-Type": "application/json"} if body is not None else {}
        url = f"{self._driver.process_url(process)}{path}"
        # A retry of a change gets the full limit, because the service may still work on the first
        # try.
        return self._send(method, url, {**typed, **headers}, body, Patience(), self._seconds)


def trust(url: str) -> "ssl.SSLContext | bool":
    """Return the argument `verify` of an httpx client for this address.

    Plain HTTP gets an empty TLS context, because loading the machine's certificates takes longer
    than most calls. A client with the empty context refuses every HTTPS address.
    """
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http:") else True


def code_of(answer: HttpAnswer) -> object:
    """Return the `code` of an error's body, None for any other answer."""
    return answer.body.get("code") if isinstance(answer.body, dict) else None


def not_overtaken(answer: HttpAnswer, identity: EffectIdentity) -> HttpAnswer:
    """Return the answer. Raises `LockLost` where the service refused the effect's token."""
    if _is_overtaken(answer):
        raise overtaken(
            f"fencing token {identity.token} was overtaken, so the service changed nothing"
        )
    return answer


def _is_overtaken(answer: HttpAnswer) -> bool:
    return (answer.status, code_of(answer)) == (OVERTAKEN_STATUS, FENCING_TOKEN_OVERTAKEN)


def encode(body: Mapping[str, object] | None) -> bytes | None:
    """Encode a request body as JSON, None without a body."""
    return None if body is None else json.dumps(body, separators=(",", ":")).encode()


def _whole(client: "httpx.Client", request: "httpx.Request", watch: Watch) -> HttpAnswer:
    answer = client.send(request, stream=True)
    try:
        body = b"".join(_blocks(answer, watch))
    finally:
        answer.close()
    text = body.decode(answer.encoding or "utf-8", "replace")
    return HttpAnswer(answer.status_code, _decoded(text))


def _blocks(answer: "httpx.Response", watch: Watch) -> Iterator[bytes]:
    import httpx

    for block in answer.iter_bytes():
        yield block
        if watch.left == 0:
            raise httpx.ReadTimeout(f"no whole answer within {watch.seconds:g} s")


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
