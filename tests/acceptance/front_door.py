"""Calls of a live platform from outside: as the operator, as a player, as a provider."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import uuid4

import httpx

from rubyops.adapters.actor import provider_signature
from rubyops.adapters.local.driver import LocalDriver
from wallet_runtime.contract.headers import (
    BRAND_HEADER,
    CALLER_HEADER,
    FENCE_HEADER,
    PROVIDER_HEADER,
    PROVIDER_SIGNATURE_HEADER,
    REQUEST_ID_HEADER,
    TOKEN_HEADER,
)
from wallet_runtime.contract.processes import GATEWAY, OPERATOR, PLAYER_SERVICE
from wallet_runtime.contract.secrets import PROVIDER_SECRET_PREFIX, TOKEN_VARIABLE_PREFIX

CURRENCY = "EUR"


@dataclass(frozen=True)
class Player:
    """A player of a brand, with a session."""

    brand_id: str
    player_id: str
    session: str


@dataclass(frozen=True)
class Bet:
    """A bet that a provider requested, and the gateway's answer."""

    provider: str
    player: Player
    bet_id: str
    answer: httpx.Response

    @property
    def authorization_id(self) -> str:
        """The id of the stored authorization."""
        return str(self.answer.json()["authorization_id"])


class FrontDoor(ABC):
    """The HTTP calls that a test makes of an environment, each with the headers of its caller."""

    driver: LocalDriver

    @abstractmethod
    def gate(self) -> dict[str, Any]:
        """The gate row; calls as the operator carry its fencing token."""

    def close(self) -> None:
        """Close the HTTP client; the next call opens another."""
        if "_client" in self.__dict__:
            self.__dict__.pop("_client").close()

    @cached_property
    def _client(self) -> httpx.Client:
        return httpx.Client(timeout=15, trust_env=False)

    def as_operator(
        self,
        process: str,
        method: str,
        path: str,
        body: object = None,
        *,
        brand_id: str | None = None,
    ) -> httpx.Response:
        """Call an internal route as the operator, with the gate row's fencing token."""
        headers = {
            CALLER_HEADER: OPERATOR,
            TOKEN_HEADER: self.driver.secret(TOKEN_VARIABLE_PREFIX + OPERATOR.upper()).reveal(),
            REQUEST_ID_HEADER: str(uuid4()),
            FENCE_HEADER: str(self.gate()["fence_token"]),
            **({BRAND_HEADER: brand_id} if brand_id else {}),
        }
        return self._client.request(
            method, self.driver.process_url(process) + path, headers=headers, json=body
        )

    def as_player(
        self, player: Player, method: str, path: str, body: object = None
    ) -> httpx.Response:
        """Call the gateway as a player, with a new idempotency key."""
        headers = {
            "Authorization": f"Bearer {player.session}",
            BRAND_HEADER: player.brand_id,
            "Idempotency-Key": str(uuid4()),
            REQUEST_ID_HEADER: str(uuid4()),
        }
        return self._client.request(
            method, self.driver.process_url(GATEWAY) + path, headers=headers, json=body
        )

    def as_provider(
        self, provider: str, player: Player, path: str, body: Mapping[str, object]
    ) -> httpx.Response:
        """Call a provider route of the gateway, signed with the provider's secret."""
        raw, request_id = json.dumps(body).encode(), str(uuid4())
        secret = self.driver.secret(PROVIDER_SECRET_PREFIX + provider.upper()).reveal()
        headers = {
            "Content-Type": "application/json",
            PROVIDER_HEADER: provider,
            PROVIDER_SIGNATURE_HEADER: provider_signature(
                secret, path, player.brand_id, request_id, raw
            ),
            REQUEST_ID_HEADER: request_id,
            BRAND_HEADER: player.brand_id,
        }
        return self._client.post(
            self.driver.process_url(GATEWAY) + path, headers=headers, content=raw
        )

    def player(self) -> Player:
        """Register a player under a new brand id."""
        brand_id, player_id = str(uuid4()), str(uuid4())
        body = {"brand_id": brand_id, "player_id": player_id, "currency": CURRENCY}
        answer = self.as_operator(
            PLAYER_SERVICE, "POST", "/internal/players", body, brand_id=brand_id
        )
        assert answer.status_code == 201, answer.text
        return Player(brand_id, player_id, answer.json()["session"])

    def deposit(self, player: Player, amount: str, bucket: str | None = None) -> httpx.Response:
        """Deposit into cash, or through cash into `bucket`, which may open a rolling."""
        body = {"amount": amount, "currency": CURRENCY, **({"bucket": bucket} if bucket else {})}
        return self.as_player(player, "POST", "/api/v1/player/wallet/deposit", body)

    def bet(self, provider: str, player: Player, amount: str) -> Bet:
        """Request a bet; the caller checks the answer."""
        bet_id = str(uuid4())
        body = {
            "player_id": player.player_id,
            "bet_id": bet_id,
            "round_id": bet_id,
            "amount": amount,
            "currency": CURRENCY,
        }
        return Bet(
            provider, player, bet_id, self.as_provider(provider, player, "/v2/bets/authorize", body)
        )

    def settle(self, bet: Bet, payout: str) -> httpx.Response:
        """Request the settlement of a bet with this payout."""
        body = {
            "player_id": bet.player.player_id,
            "bet_id": bet.bet_id,
            "round_id": bet.bet_id,
            "payout": payout,
        }
        return self.as_provider(bet.provider, bet.player, "/v2/bets/settle", body)

    def holdings(self, player: Player) -> dict[str, Any]:
        """The player's wallet as the gateway reports it, without topology and policy."""
        answer = self.as_player(player, "GET", "/api/v1/player/wallet")
        assert answer.status_code == 200, answer.text
        return {
            name: value
            for name, value in answer.json().items()
            if name not in ("topology", "policy")
        }
