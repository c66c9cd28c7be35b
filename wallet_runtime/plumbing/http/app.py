"""Builds the ASGI application of a service from its routes.

Every request takes the same steps: find the route, read the body up to its limit, check the
credentials, read the headers, check the seal, decode the body. Then the handler runs in a thread.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import anyio
import anyio.to_thread
import msgspec
import structlog
from starlette.routing import Route as PathRoute
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from wallet_runtime.contract import seal as sealed
from wallet_runtime.contract.freeze import SEALED
from wallet_runtime.contract.headers import (
    CANARY_HEADER,
    FENCE_HEADER,
    IDEMPOTENCY_KEY_HEADER,
    REQUEST_ID_HEADER,
)
from wallet_runtime.contract.persons import Person
from wallet_runtime.contract.processes import OPERATOR
from wallet_runtime.contract.routes import (
    FENCED_ROUTES,
    HEALTH_PATH,
    KEYLESS_ROUTES,
    METRICS_PATH,
    ROUTE_CALLERS,
)
from wallet_runtime.plumbing.errors import (
    ApiError,
    BrandRequired,
    FencingTokenRequired,
    Forbidden,
    IdempotencyKeyRequired,
    Maintenance,
    MethodNotAllowed,
    NotFound,
    PersonNotSigned,
    RequestIdRequired,
    ServiceBusy,
)
from wallet_runtime.plumbing.http import auth, body, persons, request
from wallet_runtime.plumbing.http.envelope import Envelope, send_answer
from wallet_runtime.plumbing.http.headers import Headers
from wallet_runtime.plumbing.http.observed import HealthEndpoint, MetricsEndpoint
from wallet_runtime.plumbing.runtime import metrics, seal
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.database import SEALED_RETRY_SECONDS
from wallet_runtime.plumbing.runtime.decoders import warm_decoders
from wallet_runtime.plumbing.runtime.health import Check, Health
from wallet_runtime.plumbing.runtime.identifiers import parse_uuid
from wallet_runtime.plumbing.runtime.loop import Loop

THREADS_MAX = 16
WAITING_MAX = 128


@dataclass(frozen=True)
class Answer:
    """A handler's answer. `body` is encoded as JSON, except bytes, which are sent as they are."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A request with checked credentials and a decoded body, as a handler gets it.

    `caller` is an internal process, a provider's id, a back-office person, "player" or "public".
    `request_id` is the client's X-Request-Id, or a new id if the client sent none. `route` is the
    path template of the route. `fence_token` is the fencing token that an internal caller sent, or
    None. `person` is the back-office person behind the request, if a token or a signature of
    admin_service proves one.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    brand_id: UUID | None
    player_id: UUID | None
    caller: str
    request_id: str
    canary_token: str | None
    headers: Headers
    route: str = ""
    fence_token: int | None = None
    person: Person | None = None

    def brand(self) -> UUID:
        """Return the brand's id, or raise `BrandRequired` (422)."""
        if self.brand_id is None:
            raise BrandRequired
        return self.brand_id

    def player(self) -> UUID:
        """Return the player of the session, or raise `Forbidden` (403)."""
        if self.player_id is None:
            raise Forbidden("this route is for a player's session")
        return self.player_id

    def signed_person(self) -> Person:
        """Return the back-office person behind the request, or raise `PersonNotSigned` (403)."""
        if self.person is None:
            raise PersonNotSigned
        return self.person

    def command_id(self) -> str:
        """Return the X-Request-Id that the client sent, or raise `RequestIdRequired` (400).

        It is the idempotency key for writes by internal callers and providers.
        """
        return _sent(self.headers, REQUEST_ID_HEADER, RequestIdRequired)

    def idempotency_key(self) -> str:
        """Return the Idempotency-Key header, or raise `IdempotencyKeyRequired` (400).

        Clients of players and of the back office send it.
        """
        return _sent(self.headers, IDEMPOTENCY_KEY_HEADER, IdempotencyKeyRequired)

    def path_uuid(self, name: str) -> UUID:
        """Return a path parameter as a UUID, or raise `NotFound` (404)."""
        value = parse_uuid(self.path[name])
        if value is None:
            raise NotFound(
                f"{name} {self.path[name][:40]!r} is not a UUID, so there is nothing under it"
            )
        return value


Handler = Callable[[Context, Call], Answer]


@dataclass(frozen=True)
class Route:
    """One route of a service.

    `body` is a subclass of `Body`, `dict` for any JSON object, or None if the body is ignored.
    `access` checks the credentials. By default it admits the internal callers that
    `contract.routes.ROUTE_CALLERS` lists.
    """

    method: str
    path: str
    handler: Handler
    body: Any = None
    access: auth.Access = auth.internal


def no_loops(context: Context) -> tuple[Loop, ...]:
    """Return no loops; the default of `Service.loops`."""
    return ()


@dataclass(frozen=True)
class Service:
    """The description of a process: its routes, loops and readiness checks.

    `loops` builds the loops from the open context. A loop's check replaces the check of `checks`
    with the same name.
    """

    process: str
    routes: tuple[Route, ...] = ()
    loops: Callable[[Context], tuple[Loop, ...]] = no_loops
    checks: Mapping[str, Check] = field(default_factory=dict)


def build_app(service: Service, context: Context, health: Health | None = None) -> ASGIApp:
    """Build the application; fail if `ROUTE_CALLERS` lacks an internal route."""
    warm_decoders()
    endpoints = _endpoints(service, context)
    if health is not None:
        endpoints[HEALTH_PATH]["GET"] = HealthEndpoint(context, health)
    endpoints[METRICS_PATH]["GET"] = MetricsEndpoint(context)
    return Envelope(_router(endpoints))


def _endpoints(service: Service, context: Context) -> dict[str, dict[str, ASGIApp]]:
    """Build the endpoint of each route, by path and method."""
    endpoints: dict[str, dict[str, ASGIApp]] = defaultdict(dict)
    threads = _Threads()
    for route in service.routes:
        _confirm_in_contract(service.process, route)
        endpoints[route.path][route.method] = _Endpoint(route, context, threads, service.process)
    return endpoints


def _confirm_in_contract(process: str, route: Route) -> None:
    named = (process, route.method, route.path)
    if route.access is auth.internal and named not in ROUTE_CALLERS:
        raise AssertionError(f"{' '.join(named)} is not in contract.routes.ROUTE_CALLERS")


def _router(endpoints: dict[str, dict[str, ASGIApp]]) -> Router:
    # Paths without parameters come first, so that /topology/{code} does not match /topology/active.
    paths = sorted(endpoints, key=lambda path: ("{" in path, path))
    return Router(
        [PathRoute(path, _ByMethod(path, endpoints[path]), methods=None) for path in paths],
        redirect_slashes=False,
        default=_nothing_here,
    )


class _ByMethod:
    """Passes requests for one path to the endpoint of their method; answers 405 for others."""

    def __init__(self, template: str, endpoints: dict[str, ASGIApp]) -> None:
        self._template = template
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route_template"] = self._template
        endpoint = self._endpoints.get(scope["method"])
        if endpoint is None:
            raise self._not_allowed(scope["method"])
        await endpoint(scope, receive, send)

    def _not_allowed(self, method: str) -> MethodNotAllowed:
        allowed = ", ".join(sorted(self._endpoints))
        return MethodNotAllowed(
            f"{self._template} takes {allowed}, not {method[:16]}", details={"allow": allowed}
        )


class _Threads:
    """Runs handlers in a bounded number of threads, and refuses requests if too many wait."""

    def __init__(self) -> None:
        self._limiter: anyio.CapacityLimiter | None = None
        # The limiter counts a request only one step of the event loop later, so a burst would get
        # past the limit. So `run` counts by itself.
        self._inside = 0

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """Run a handler in a thread, or raise `ServiceBusy` (503) if too many requests wait."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(THREADS_MAX)
        if self._inside >= THREADS_MAX + WAITING_MAX:
            raise ServiceBusy(
                f"{WAITING_MAX} requests are waiting already; repeat the request later"
            )
        self._inside += 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._inside -= 1


class _Endpoint:
    """The ASGI application of one route."""

    def __init__(self, route: Route, context: Context, threads: _Threads, process: str) -> None:
        named = (process, route.method, route.path)
        self._route = route
        self._is_fenced = named in FENCED_ROUTES
        self._stands_under_seal = route.method != "GET" and named not in sealed.PASSING_ROUTES
        self._passes_fenced = named in sealed.PASSING_FENCED_ROUTES
        self._needs_name = _is_write(route) and named not in KEYLESS_ROUTES
        self._context = context
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = self._read_call(scope, await request.read_body(scope, receive))
        answer = await self._threads.run(lambda: self._handle(call))
        payload = (
            answer.body if isinstance(answer.body, bytes) else msgspec.json.encode(answer.body)
        )
        await send_answer(scope, send, answer.status, payload, answer.headers)

    def _read_call(self, scope: Scope, raw: bytes) -> Call:
        """Check a request in the order that the module describes, and return it as a `Call`."""
        route = self._route
        headers: Headers = scope["headers_read"]
        attempt = auth.Attempt(route.method, route.path, scope["path"], headers, raw)
        identity = route.access(self._context.settings, attempt)
        brand_id = request.brand_of(headers, identity)
        request_id = headers.identifier(REQUEST_ID_HEADER) or scope["request_id"]
        canary_token = headers.identifier(CANARY_HEADER)
        fence_token = self._fence_of(headers, identity)
        self._confirm_unsealed(canary_token, fence_token)
        self._confirm_named(headers)
        return Call(
            path=request.path_of(scope),
            query=request.query_of(scope),
            body=self._body_of(raw, headers),
            brand_id=brand_id,
            player_id=identity.player_id,
            caller=identity.caller,
            request_id=request_id,
            canary_token=canary_token,
            headers=headers,
            route=route.path,
            fence_token=fence_token,
            person=self._person_of(attempt, identity, brand_id, request_id),
        )

    def _body_of(self, raw: bytes, headers: Headers) -> Any:
        if self._route.body is None:
            return None
        return body.parse(raw, headers.get("Content-Type"), self._route.body)

    def _confirm_named(self, headers: Headers) -> None:
        """Refuse a write (400) without the key or request id that identifies its retries."""
        if not self._needs_name:
            return
        if self._route.access in (auth.player, auth.admin):
            _sent(headers, IDEMPOTENCY_KEY_HEADER, IdempotencyKeyRequired)
        else:
            _sent(headers, REQUEST_ID_HEADER, RequestIdRequired)

    def _confirm_unsealed(self, canary_token: str | None, fence_token: int | None) -> None:
        """Raise `Maintenance` (503) for a write while this process knows of a seal.

        Requests with a canary token pass, and some routes pass with a fencing token. The database
        checks both tokens later, in the transaction of the write.
        """
        if not self._stands_under_seal or self._context.control.freeze.level != SEALED:
            return
        if not self._may_pass_seal(canary_token, fence_token):
            raise Maintenance(details={"freeze_level": SEALED}, retry_after=SEALED_RETRY_SECONDS)

    def _may_pass_seal(self, canary_token: str | None, fence_token: int | None) -> bool:
        return canary_token is not None or (fence_token is not None and self._passes_fenced)

    def _fence_of(self, headers: Headers, identity: auth.Identity) -> int | None:
        """Return an internal caller's fencing token.

        Other callers' tokens are ignored: otherwise any client could lock the fence row.
        """
        token = headers.number(FENCE_HEADER) if self._route.access is auth.internal else None
        if token is None and self._is_fenced and identity.caller == OPERATOR:
            raise FencingTokenRequired
        return token

    def _person_of(
        self, attempt: auth.Attempt, identity: auth.Identity, brand_id: UUID | None, request_id: str
    ) -> Person | None:
        """Return the person of a back-office token, or of the signature of an internal request."""
        if self._route.access is not auth.internal:
            return identity.person
        act = persons.act_of(brand_id, attempt.method, attempt.path, request_id, attempt.raw)
        return persons.read_signed(
            self._context.settings, attempt.headers, act, self._context.clock()
        )

    def _handle(self, call: Call) -> Answer:
        """Run the handler; all its log lines carry the request id and the brand."""
        with structlog.contextvars.bound_contextvars(
            request_id=call.request_id, brand_id=call.brand_id and str(call.brand_id)
        ):
            # Only the process that clients call confirms a canary token. Internal services rely on
            # that, and the wallet checks the token again for each money command.
            if self._route.access is not auth.internal:
                self._confirm_pass(call)
            return self._route.handler(self._context, call)

    def _confirm_pass(self, call: Call) -> None:
        player_id = call.player_id or getattr(call.body, "player_id", None)
        seal.confirm_pass(self._context.database, call.canary_token, call.brand_id, player_id)


def _is_write(route: Route) -> bool:
    return route.method != "GET" and route.access is not auth.public


def _sent(headers: Headers, name: str, missing: type[ApiError]) -> str:
    """Return the value of an id or key header; count and raise `missing` if it is absent."""
    value = headers.identifier(name)
    if value is None:
        metrics.IDEMPOTENCY_KEYS_MISSING.inc()
        raise missing
    return value


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotFound(f"no route is at {scope['path'][:100]!r}")
