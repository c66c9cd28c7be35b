"""The snapshot of a player: every account, and the active topology and policy (SMK-4)."""

from typing import Any
from uuid import UUID

import msgspec

from wallet_runtime.contract.money import POINTS_CURRENCY
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.documents import Bucket
from wallet_runtime.wallet.domain.state import ActivePair, Cash, Grant, State


def snapshot(
    brand_id: UUID, player_id: UUID, currency: str, state: State, pair: ActivePair
) -> dict[str, Any]:
    """Return every account of a player, with amounts in major units.

    The result has no timestamp, so two snapshots without a movement in between are equal.
    """
    return {
        "brand_id": str(brand_id),
        "player_id": str(player_id),
        "currency": currency,
        "topology": {"code": pair.topology.code, "version": pair.topology.version},
        "policy": {"key": pair.policy.policy_key, "version": pair.policy.version},
        "cash": _cash(state.cash or Cash(), currency),
        "buckets": [_bucket(bucket, currency, state, pair) for bucket in pair.topology.buckets],
        "grants": [_grant(grant) for grant in state.grants],
        "open_stakes": format_amount(state.open_stakes, currency),
    }


def _cash(cash: Cash, currency: str) -> dict[str, str]:
    return {
        "available": format_amount(cash.available, currency),
        "pending": format_amount(cash.pending, currency),
    }


def _bucket(bucket: Bucket, currency: str, state: State, pair: ActivePair) -> dict[str, str]:
    account = pair.topology.account(bucket.code)
    unit = POINTS_CURRENCY if bucket.kind == "points" else currency
    return {
        "bucket_type_code": bucket.code,
        "kind": bucket.kind,
        "balance": format_amount(state.balance(account), unit),
        "locked": format_amount(state.locked_on(account), unit),
    }


def _grant(grant: Grant) -> dict[str, Any]:
    """Return one coupon grant.

    Grants are listed one by one and never added up (GATE-6).
    """
    return {
        "grant_id": grant.grant_id,
        "coupon_log_id": grant.coupon_log_id,
        "scope": msgspec.to_builtins(grant.scope),
        "amount": format_amount(grant.amount, grant.currency),
        "balance": format_amount(grant.balance, grant.currency),
        "expires_at": grant.expires_at,
        "usable": not grant.lapsed,
    }
