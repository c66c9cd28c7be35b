"""Callers and their proofs: tokens, provider signatures, player sessions, back-office tokens.

A `Route` names its `access` function, which runs before the body is parsed. Missing, wrong and
malformed credentials get one and the same 401; a valid caller on a route that does not admit it
gets 403.
"""

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from wallet_runtime.contract.headers import (
    BRAND_HEADER,
    CALLER_HEADER,
    PROVIDER_HEADER,
    PROVIDER_SIGNATURE_HEADER,
    PROVIDER_SIGNATURE_SECONDS,
    PROVIDER_SIGNED_TEXT,
    REQUEST_ID_HEADER,
    TOKEN_HEADER,
)
from wallet_runtime.contract.persons import Person
from wallet_runtime.contract.processes import OBSERVER
from wallet_runtime.contract.routes import ROUTE_CALLERS
from wallet_runtime.plumbing.errors import Forbidden, Invalid, Unauthorized
from wallet_runtime.plumbing.http.headers import Headers, bearer
from wallet_runtime.plumbing.runtime.identifiers import parse_uuid
from wallet_runtime.plumbing.runtime.settings import SecretBytes, Settings

SESSION_SECONDS = 12 * 3600
_NOBODY = SecretBytes("nobody has this token")
_PROVIDER_SIGNATURE = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


@dataclass(frozen=True)
class Identity:
    """The caller: a process, a provider's id, a back-office person, "player" or "public".

    A player has ids. `person` is the name and key of a person of the back office.
    """

    caller: str
    brand_id: UUID | None = None
    player_id: UUID | None = None
    person: Person | None = None


@dataclass(frozen=True)
class Attempt:
    """A request that asks to be let in: its route, path, headers and raw body."""

    method: str
    template: str
    path: str
    headers: Headers
    raw: bytes


Access = Callable[[Settings, Attempt], Identity]


def public(settings: Settings, attempt: Attempt) -> Identity:
    """Admit everybody."""
    return Identity("public")


def internal(settings: Settings, attempt: Attempt) -> Identity:
    """Admit the callers that `ROUTE_CALLERS` lists for this route, each by its own token.

    The shared legacy token is never accepted (RS-2, RS-5).
    """
    caller = _header(attempt.headers, CALLER_HEADER)
    token = settings.caller_tokens.get(caller, _NOBODY)
    known = caller in settings.caller_tokens
    if not token.matches(_header(attempt.headers, TOKEN_HEADER).encode("latin-1")) or not known:
        raise Unauthorized
    if caller not in ROUTE_CALLERS[(settings.process, attempt.method, attempt.template)]:
        raise Forbidden(f"{caller} may not call {attempt.method} {attempt.template}")
    return Identity(caller)


def may_observe(settings: Settings, headers: Headers) -> bool:
    """Tell whether a request may see metrics and the details of health.

    False without credentials, `Unauthorized` with wrong ones. Any caller that this process knows
    may, by its own token. The observer's is also taken as a bearer token, which scrapers can send.
    """
    given, caller = _bearer(headers), _header(headers, CALLER_HEADER)
    if not given and not caller:
        return False
    given, caller = (given, OBSERVER) if given else (_header(headers, TOKEN_HEADER), caller)
    token = settings.caller_tokens.get(caller, _NOBODY)
    if not token.matches(given.encode("latin-1")) or caller not in settings.caller_tokens:
        raise Unauthorized
    return True


def provider(settings: Settings, attempt: Attempt) -> Identity:
    """Admit a game provider that signed the request with its own secret.

    `contract.headers.PROVIDER_SIGNED_TEXT` is the signed text. A signature that is older than
    300 s, or as much ahead, is refused.
    """
    name = _header(attempt.headers, PROVIDER_HEADER)
    known = name in settings.provider_secrets
    given = _PROVIDER_SIGNATURE.fullmatch(_header(attempt.headers, PROVIDER_SIGNATURE_HEADER))
    if given is None or abs(time.time() - int(given[1])) > PROVIDER_SIGNATURE_SECONDS:
        raise Unauthorized
    expected = sign(settings.provider_secrets.get(name, _NOBODY), _provider_text(attempt, given[1]))
    if not hmac.compare_digest(expected.encode(), given[2].encode()) or not known:
        raise Unauthorized
    return Identity(name)


def player(settings: Settings, attempt: Attempt) -> Identity:
    """Admit a player by the session that player_service issued."""
    if settings.player_session_key is None:
        raise Unauthorized
    return read_session(settings.player_session_key, _bearer(attempt.headers), time.time())


def admin(settings: Settings, attempt: Attempt) -> Identity:
    """Admit a person of the back office by their own bearer token; each token is compared."""
    given = _bearer(attempt.headers).encode("latin-1")
    persons = [person for person, token in settings.admin_tokens.items() if token.matches(given)]
    if not persons:
        raise Unauthorized
    return Identity(persons[0], person=settings.person(persons[0]))


def sign(secret: SecretBytes, raw: bytes) -> str:
    """Return the lower-case hex HMAC-SHA256 of raw bytes."""
    return hmac.new(secret.reveal(), raw, hashlib.sha256).hexdigest()


def issue_session(key: SecretBytes, brand_id: UUID, player_id: UUID, expires_at: int) -> str:
    """Write a session token for one player of one brand, valid until a Unix time in seconds."""
    claim = f"{brand_id}.{player_id}.{expires_at}"
    return f"{claim}.{sign(key, claim.encode())}"


def read_session(key: SecretBytes, token: str, now: float) -> Identity:
    """Return the player that a session token names.

    Raises `Unauthorized` for a forged, malformed or expired one.
    """
    claim, _, signature = token.rpartition(".")
    if not hmac.compare_digest(
        sign(key, claim.encode("utf-8", "replace")).encode(), signature.encode("utf-8", "replace")
    ):
        raise Unauthorized
    brand, player_id, expires_at = claim.split(".")
    if now >= int(expires_at):
        raise Unauthorized
    return Identity("player", parse_uuid(brand), parse_uuid(player_id))


def _provider_text(attempt: Attempt, timestamp: str) -> bytes:
    return PROVIDER_SIGNED_TEXT.format(
        method=attempt.method,
        path=attempt.path,
        brand=_header(attempt.headers, BRAND_HEADER),
        timestamp=timestamp,
        request_id=_header(attempt.headers, REQUEST_ID_HEADER),
        body_hash=hashlib.sha256(attempt.raw).hexdigest(),
    ).encode()


def _header(headers: Headers, name: str) -> str:
    """Read a credential; one that was sent twice is as good as none."""
    try:
        return headers.get(name) or ""
    except Invalid:
        return ""


def _bearer(headers: Headers) -> str:
    try:
        return bearer(headers) or ""
    except Invalid:
        return ""
