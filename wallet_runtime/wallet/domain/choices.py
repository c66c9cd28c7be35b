"""The player's choice of the source that pays bets under a selection rule (SPEC 1.3)."""

from typing import Any

import msgspec

from wallet_runtime.contract.providers import PROVIDERS
from wallet_runtime.plumbing.errors import Invalid
from wallet_runtime.wallet.domain import coupons, funding
from wallet_runtime.wallet.domain.state import ActivePair, Scope, State


class SourceInvalid(Invalid):
    """The named source cannot pay bets of this provider type under the active policy."""

    code = "SOURCE_INVALID"


class Choice(msgspec.Struct, frozen=True):
    """The source that pays bets of one provider type: a bucket code or `GRANT/<grant_id>`."""

    provider_type: str
    source: str


def allowed(provider_type: str, state: State, pair: ActivePair) -> tuple[str, ...]:
    """List the sources that the player may pick now; none if the rule is not a selection.

    A coupon is listed if at least one provider of the type accepts it.
    """
    rule = pair.policy.funding[provider_type]
    if rule.mode != "selection":
        return ()
    grants = tuple(
        grant.account
        for grant in coupons.usable(state.grants)
        if _is_accepted(grant.scope, provider_type)
    )
    order = funding.paying_order(pair.topology, rule, funding.Coupons(grants))
    return tuple(funding.by_source(order))


def _is_accepted(scope: Scope, provider_type: str) -> bool:
    """Tell whether any provider of the type accepts a coupon of this scope."""
    providers = (provider for provider, served in PROVIDERS.items() if served == provider_type)
    return any(coupons.covers(scope, provider, provider_type) for provider in providers)


def confirm(choice: Choice, state: State, pair: ActivePair) -> None:
    """Raise `SourceInvalid` (422) if the active rule does not allow the picked source."""
    sources = allowed(choice.provider_type, state, pair)
    if not sources:
        raise SourceInvalid(
            f"bets of {choice.provider_type} are paid in the server's own order;"
            " a source cannot be named"
        )
    if choice.source not in sources:
        raise SourceInvalid(
            f"bets of {choice.provider_type} can be paid from one of {', '.join(sources)};"
            f" found {choice.source[:64]!r}"
        )


def show(kept: dict[str, str], state: State, pair: ActivePair) -> list[dict[str, Any]]:
    """Return for each provider type its mode, the allowed sources, and the player's choice."""
    return [
        {
            "provider_type": provider_type,
            "mode": rule.mode,
            "allowed": list(allowed(provider_type, state, pair)),
            "source": kept.get(provider_type),
        }
        for provider_type, rule in pair.policy.funding.items()
    ]
