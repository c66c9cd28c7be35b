"""Bugs in the store around the rules."""

from typing import Any
from uuid import uuid4

import msgspec

from tests.wallet_runtime.wallet.histories.planted import InRules, Patch
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.state import Request, State
from wallet_runtime.wallet.store import money, player_cache
from wallet_runtime.wallet.store.money import Decide, Money
from wallet_runtime.wallet.store.player_cache import Basis, PlayerStateCache

replace = msgspec.structs.replace


def _request_id_minted_per_try(patch: Patch) -> None:
    right = Money.perform

    def perform(self: Money, request: Request, reads: Reads, decide: Decide) -> Any:
        return right(
            self, replace(request, request_id=str(uuid4()), transaction_id=uuid4()), reads, decide
        )

    patch.setattr(Money, "perform", perform)


def _any_payload(patch: Patch) -> None:
    patch.setattr(money, "replay", lambda request, stored: (stored.status, stored.body))


def _own_command_not_remembered(patch: Patch) -> None:
    right = player_cache._after
    patch.setattr(
        player_cache, "_after", lambda state, decision: right(state, replace(decision, legs=()))
    )


def _coupons_not_remembered(patch: Patch) -> None:
    right = PlayerStateCache.put

    def keep(
        self: PlayerStateCache, request: Request, state: State, decision: Decision, basis: Basis
    ) -> None:
        right(self, request, replace(state, grants=()), decision, basis)

    patch.setattr(PlayerStateCache, "put", keep)


STORE = (
    InRules("every try has a request id of its own", _request_id_minted_per_try),
    InRules("another payload gets the first answer", _any_payload),
    InRules("what is remembered leaves out the command itself", _own_command_not_remembered),
    InRules("what is remembered leaves out coupons", _coupons_not_remembered, first=6),
)
