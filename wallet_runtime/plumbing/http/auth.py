"""Authentication by process tokens, provider signatures, player sessions or back-office tokens.

The `access` function of a `Route` runs before the body is decoded. It answers missing, wrong and
malformed credentials with the same 401, and a known caller without access to the route with 403.
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
    """The authenticated caller: a process, a provider, a person, "player" or "public".

    Only a player has a brand and a player id, and only a back-office person has `person`.
    """

    caller: str
    brand_id: UUID | None = None
    player_id: UUID | None = None
    person: Person | None = None


@dataclass(frozen=True)
class Attempt:
    """The parts of a request that authentication needs; `template` is the route's path."""

    method: str
    template: str
    path: str
    headers: Headers
    raw: bytes


Access = Callable[[Settings, Attempt], Identity]


def public(settings: Settings, attempt: Attempt) -> Identity:
    """Admit everybody without credentials."""
    return Identity("public")


def internal(settings: Settings, attempt: Attempt) -> Identity:
    """Admit the processes that `ROUTE_CALLERS` lists for this route, each by its own token.

    The legacy token that all processes share is refused (RS-2, RS-5).
    """
    caller = _header(attempt.headers, CALLER_HEADER)
    _confirm_token(settings, caller, _header(attempt.headers, TOKEN_HEADER))
    if caller not in ROUTE_CALLERS[(settings.process, attempt.method, attempt.template)]:
        raise Forbidden(f"{caller} may not call {attempt.method} {attempt.template}")
    return Identity(caller)


def may_observe(settings: Settings, headers: Headers) -> bool:
    """Tell whether a request may see metrics and the details of health.

    Any process with a token for this one may. The observer may send its token as a bearer token,
    because a metrics scraper can send nothing else. Return False without credentials; raise
    `Unauthorized` (401) for wrong ones.
    """
    given, caller = _bearer(headers), _header(headers, CALLER_HEADER)
    if not given and not caller:
        return False
    given, caller = (given, OBSERVER) if given else (_header(headers, TOKEN_HEADER), caller)
    _confirm_token(settings, caller, given)
    return True


def _confirm_token(settings: Settings, caller: str, given: str) -> None:
    """Raise `Unauthorized` unless `given` is the token of a known caller."""
    token = settings.caller_tokens.get(caller, _NOBODY)
    if not token.matches(given.encode("latin-1")) or caller not in settings.caller_tokens:
        raise Unauthorized


def provider(settings: Settings, attempt: Attempt) -> Identity:
    """Admit a game provider that signed the request with its own secret.

    `contract.headers.PROVIDER_SIGNED_TEXT` is the signed text. Its timestamp may differ from the
    clock by at most 300 s.
    """
    name = _header(attempt.headers, PROVIDER_HEADER)
    timestamp, signature = _fresh_signature(attempt.headers)
    secret = settings.provider_secrets.get(name, _NOBODY)
    expected = sign(secret, _provider_text(attempt, timestamp))
    if not hmac.compare_digest(expected.encode(), signature.encode()) or secret is _NOBODY:
        raise Unauthorized
    return Identity(name)


def _fresh_signature(headers: Headers) -> tuple[str, str]:
    """Return the timestamp and the hex digest of a provider's signature."""
    given = _PROVIDER_SIGNATURE.fullmatch(_header(headers, PROVIDER_SIGNATURE_HEADER))
    if given is None or abs(time.time() - int(given[1])) > PROVIDER_SIGNATURE_SECONDS:
        raise Unauthorized
    return given[1], given[2]


def player(settings: Settings, attempt: Attempt) -> Identity:
    """Admit a player by the session that player_service issued."""
    if settings.player_session_key is None:
        raise Unauthorized
    return read_session(settings.player_session_key, _bearer(attempt.headers), time.time())


def admin(settings: Settings, attempt: Attempt) -> Identity:
    """Admit a back-office person by a bearer token.

    Every token is compared, so that the duration tells nothing about which token is right.
    """
    given = _bearer(attempt.headers).encode("latin-1")
    persons = [person for person, token in settings.admin_tokens.items() if token.matches(given)]
    if not persons:
        raise Unauthorized
    return Identity(persons[0], person=settings.person(persons[0]))


def sign(secret: SecretBytes, raw: bytes) -> str:
    """Return the HMAC-SHA256 of `raw` in lower-case hex."""
    return hmac.new(secret.reveal(), raw, hashlib.sha256).hexdigest()


def issue_session(key: SecretBytes, brand_id: UUID, player_id: UUID, expires_at: int) -> str:
    """Return a session token of a player, valid until `expires_at` (Unix time in seconds)."""
    claim = f"{brand_id}.{player_id}.{expires_at}"
    return f"{claim}.{sign(key, claim.encode())}"


def read_session(key: SecretBytes, token: str, now: float) -> Identity:
    """Return the player of a session token; `now` is the Unix time in seconds.

    Raises `Unauthorized` (401) for a forged, malformed or expired token.
    """
    claim, _, signature = token.rpartition(".")
    if not _is_signed(key, claim, signature):
        raise Unauthorized
    brand, player_id, expires_at = claim.split(".")
    if now >= int(expires_at):
        raise Unauthorized
    return Identity("player", parse_uuid(brand), parse_uuid(player_id))


def _is_signed(key: SecretBytes, claim: str, signature: str) -> bool:
    expected = sign(key, claim.encode("utf-8", "replace"))
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))


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
    """Return a header's value, or "" if it is missing or was sent twice."""
    try:
        return headers.get(name) or ""
    except Invalid:
        return ""


def _bearer(headers: Headers) -> str:
    try:
        return bearer(headers) or ""
    except Invalid:
        return ""
