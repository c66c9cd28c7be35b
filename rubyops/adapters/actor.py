"""The actor of a flow: real calls as players, providers, the back office and the operator.

The request id of a call is derived from the effect, the flow and the key. A retried effect
therefore sends the same request id, and the service replays its answer.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping, Sequence
from uuid import NAMESPACE_URL, uuid5

from rubyops.adapters.attempts import attempt_as
from rubyops.adapters.database import Link
from rubyops.adapters.driver import Driver
from rubyops.adapters.http import CallClient, code_of, encode, not_overtaken
from rubyops.errors import CheckFailed, UsageError
from rubyops.ports import Attempt, AttemptAnswer, CanaryPlayer, EffectIdentity, HttpAnswer, Read
from wallet_runtime.contract.codes import CANARY_TOKEN_INVALID, MAINTENANCE
from wallet_runtime.contract.headers import (
    BRAND_HEADER,
    CANARY_HEADER,
    FENCE_HEADER,
    IDEMPOTENCY_KEY_HEADER,
    PROVIDER_HEADER,
    PROVIDER_SIGNATURE_HEADER,
    PROVIDER_SIGNATURE_VALUE,
    PROVIDER_SIGNED_TEXT,
    REQUEST_ID_HEADER,
)
from wallet_runtime.contract.processes import ADMIN_SERVICE, GATEWAY, PLAYER_SERVICE
from wallet_runtime.contract.providers import PROVIDERS
from wallet_runtime.contract.secrets import ADMIN_TOKEN_PREFIX, PROVIDER_SECRET_PREFIX

# Canary players get a brand of their own, so that no customer's brand ever contains a canary.
CANARY_BRAND = str(uuid5(NAMESPACE_URL, "rubyops/canary-brand"))
PLAYERS_PATH = "/internal/players"
PASS_SECONDS = 600
# The wallet may answer with these codes when a canary pass is void.
VOID_PASS_CODES = (MAINTENANCE, CANARY_TOKEN_INVALID)
ADMIN_TOKEN = f"{ADMIN_TOKEN_PREFIX}OPERATOR"


def derived(effect_id: str, flow: str, key: str) -> str:
    """Return a deterministic UUID for an effect, a flow and a key."""
    return str(uuid5(NAMESPACE_URL, f"{effect_id}/{flow}/{key}"))


def provider_signature(secret: str, path: str, brand_id: str, request_id: str, raw: bytes) -> str:
    """Return the value of a provider's signature header for a POST at the present time."""
    timestamp, body_hash = int(time.time()), hashlib.sha256(raw).hexdigest()
    text = PROVIDER_SIGNED_TEXT.format(
        method="POST",
        path=path,
        brand=brand_id,
        timestamp=timestamp,
        request_id=request_id,
        body_hash=body_hash,
    )
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return PROVIDER_SIGNATURE_VALUE.format(timestamp=timestamp, digest=digest)


class CanaryActor:
    """Implements the `Actor` port for one flow of one effect."""

    def __init__(
        self,
        driver: Driver,
        client: CallClient,
        link: Link,
        read: Read,
        identity: EffectIdentity,
        flow: str,
    ) -> None:  # noqa: PLR0913
        """Make calls under this identity. `link` connects as the operators' role."""
        self._driver = driver
        self._client = client
        self._link = link
        self._read = read
        self._identity = identity
        self._flow = flow

    @property
    def read(self) -> Read:
        """The read port that checks use, too."""
        return self._read

    def derived_id(self, key: str) -> str:
        """Return a deterministic UUID for this effect, this flow and the key."""
        return derived(self._identity.effect_id, self._flow, key)

    def player(self, label: str, *, currency: str = "EUR") -> CanaryPlayer:
        """Return the canary player of this label, and create the player on the first call.

        The player has a session and a canary pass. Every call carries the pass, even without a
        freeze, because the wallet then refuses calls of a run whose fencing token was overtaken.
        """
        player_id = self.derived_id(f"player/{label}")
        asked = {"player_id": player_id, "currency": currency}
        session = self._session_of(self._create_player(asked, key=f"create/{label}"))
        return CanaryPlayer(CANARY_BRAND, player_id, currency, session, self._pass(player_id))

    def _session_of(self, answer: HttpAnswer) -> str:
        if answer.status not in (200, 201):
            raise CheckFailed(
                f"{self._flow}: no canary player: player_service answered {answer.status} "
                f"{answer.error or answer.body}, expected 201"
            )
        return str(answer.body["session"])

    def _create_player(self, asked: Mapping[str, object], *, key: str) -> HttpAnswer:
        body = {"brand_id": CANARY_BRAND, **asked, "canary": True}
        return self.as_operator(
            PLAYER_SERVICE, "POST", PLAYERS_PATH, body, key=key, brand_id=CANARY_BRAND
        )

    def as_player(
        self,
        player: CanaryPlayer,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
    ) -> HttpAnswer:
        """Call the gateway as the player."""
        headers = {
            "Authorization": f"Bearer {player.session}",
            BRAND_HEADER: player.brand_id,
            **_canary(player),
            **self._repeatable(key),
        }
        return self._judged(self._client.send(GATEWAY, method, path, headers, encode(body)))

    def as_provider(
        self,
        provider: str,
        player: CanaryPlayer,
        path: str,
        body: Mapping[str, object],
        *,
        key: str,
    ) -> HttpAnswer:
        """POST to a provider route of the gateway, signed by that provider."""
        secret, raw = self._provider_secret(provider), encode(body) or b""
        request_id, brand_id = self.derived_id(key), player.brand_id
        headers = {
            PROVIDER_HEADER: provider,
            PROVIDER_SIGNATURE_HEADER: provider_signature(secret, path, brand_id, request_id, raw),
            REQUEST_ID_HEADER: request_id,
            BRAND_HEADER: brand_id,
            **_canary(player),
        }
        return self._judged(self._client.send(GATEWAY, "POST", path, headers, raw))

    def _provider_secret(self, provider: str) -> str:
        if provider not in PROVIDERS:
            raise UsageError(f"there is no provider {provider!r} (known: {', '.join(PROVIDERS)})")
        return self._driver.secret(PROVIDER_SECRET_PREFIX + provider.upper()).reveal()

    def as_admin(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
        player: CanaryPlayer | None = None,
    ) -> HttpAnswer:
        """Call admin_service with the back office's bearer token."""
        token = self._driver.secret(ADMIN_TOKEN).reveal()
        headers = {"Authorization": f"Bearer {token}", **self._repeatable(key)}
        if player is not None:
            headers |= {BRAND_HEADER: player.brand_id, **_canary(player)}
        return self._judged(self._client.send(ADMIN_SERVICE, method, path, headers, encode(body)))

    def as_operator(
        self,
        process: str,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
        brand_id: str | None = None,
    ) -> HttpAnswer:
        """Call an internal route as the operator."""
        headers = {
            **self._client.operator_headers(brand_id),
            **self._request_id(key),
            FENCE_HEADER: str(self._identity.token),
        }
        return self._judged(self._client.send(process, method, path, headers, encode(body)))

    def as_stranger(self, process: str, path: str, headers: Mapping[str, str]) -> HttpAnswer:
        """GET a route with these headers only, without any credentials of the actor."""
        return self._client.send(process, "GET", path, headers, None)

    def _judged(self, answer: HttpAnswer) -> HttpAnswer:
        """Return the answer. Raises `LockLost` when the run's fencing token was overtaken.

        `fence_hold` raises if a newer run has made the canary pass void.
        """
        if code_of(answer) in VOID_PASS_CODES:
            self._link.rows("fence_hold", token=self._identity.token)
        return not_overtaken(answer, self._identity)

    def as_role(self, role: str, attempts: Sequence[Attempt]) -> list[AttemptAnswer]:
        """Log in as the role, try each statement, and roll each one back."""
        return attempt_as(role, self._driver.dsn(role, "platform"), attempts)

    def _request_id(self, key: str | None) -> dict[str, str]:
        return {} if key is None else {REQUEST_ID_HEADER: self.derived_id(key)}

    def _repeatable(self, key: str | None) -> dict[str, str]:
        """Return the headers by which the service recognises a retry, empty without a key."""
        if key is None:
            return {}
        return {IDEMPOTENCY_KEY_HEADER: self.derived_id(key), **self._request_id(key)}

    def _pass(self, player_id: str) -> str:
        token = secrets.token_urlsafe(24)
        self._link.rows(
            "ops_issue_canary_pass",
            token_hash=hashlib.sha256(token.encode()).digest(),
            run_id=self._identity.run_id,
            token=self._identity.token,
            brand_id=CANARY_BRAND,
            player_id=player_id,
            seconds=PASS_SECONDS,
        )
        return token


def _canary(player: CanaryPlayer) -> dict[str, str]:
    return {CANARY_HEADER: player.canary_token} if player.canary_token else {}
