"""FLOW-5 to FLOW-7: a coupon pays at the games of its scope and is refused at others.

Winnings return to the coupon. At the end the back office takes back the whole coupon.
"""

from collections.abc import Mapping
from typing import Any

from commands.flows._script import Script, begin
from rubyops.ports import Actor
from wallet_runtime.contract.providers import PROVIDERS

AMOUNT = "10.00"
STAKE = "2.00"
PAYOUT = "3.00"
COUPON_SCOPE = "COUPON_SCOPE"


def sports_only(actor: Actor) -> dict[str, object]:
    """FLOW-5: a sports-only coupon is accepted for sports, and rejected for live and slots."""
    return _in_scope_only(begin("FLOW-5", actor), {"kind": "sports"}, ("mocksports",))


def casino_only(actor: Actor) -> dict[str, object]:
    """FLOW-6: a casino-only coupon is accepted for live and slots, and rejected for sports."""
    return _in_scope_only(begin("FLOW-6", actor), {"kind": "casino"}, ("mocklive", "mockslots"))


def provider_only(actor: Actor) -> dict[str, object]:
    """FLOW-7: a provider-only coupon is accepted by its provider alone."""
    return _in_scope_only(
        begin("FLOW-7", actor), {"kind": "provider", "provider_ids": ["mocklive"]}, ("mocklive",)
    )


def _in_scope_only(
    script: Script, scope: Mapping[str, object], accepting: tuple[str, ...]
) -> dict[str, object]:
    grant = _issue(script, scope)
    account = f"GRANT/{script.field('the issued coupon', grant, 'grant_id')}"
    for provider in PROVIDERS:
        if provider in accepting:
            _play(script, provider, account)
        else:
            what = f"a bet at {provider} with a coupon of scope {scope['kind']}"
            _bet_is_refused(script, provider, what)
    gain = script.minor(PAYOUT) - script.minor(STAKE)
    _take_back(script, grant, script.minor(AMOUNT) + len(accepting) * gain)
    _expect_nothing_left(script)
    return {"player_id": script.player.player_id, "account": account, "accepting": list(accepting)}


def _play(script: Script, provider: str, account: str) -> None:
    """Place and settle a bet that the coupon must pay for and get its winnings."""
    bet = script.bet(provider, STAKE, key=provider)
    what = f"the funding of a bet at {provider}"
    script.expect(what, bet.funding, {account: script.minor(STAKE)})
    script.settle(bet, PAYOUT, key=provider)
    what = f"where the winnings of a bet at {provider} went"
    script.expect_paid(what, bet, {account: script.minor(PAYOUT)})


def _bet_is_refused(script: Script, provider: str, what: str) -> None:
    refusal = script.authorize(provider, STAKE, key=f"refused-{provider}")
    script.refused(what, refusal, (409,), COUPON_SCOPE)


def _expect_nothing_left(script: Script) -> None:
    script.expect_holdings({})
    grants = script.field("the snapshot", script.snapshot(), "grants")
    script.expect("coupons that the player holds at the end", grants, [])
    script.tips_agree()


def _issue(script: Script, scope: Mapping[str, object]) -> Mapping[str, Any]:
    body = _named(script) | script.money(AMOUNT) | {"scope": scope}
    answer = script.as_admin("/api/v1/coupon-grants/issue", body, key="issue")
    return script.accepted(f"a coupon of {AMOUNT} of scope {scope['kind']}", answer)


def _take_back(script: Script, grant: Mapping[str, Any], held: int) -> None:
    """Reverse the coupon.

    A reversal always takes the coupon's whole balance, so a call with an amount is refused (A8-5).
    """
    path, body = "/api/v1/coupon-grants/reverse", _named(script)
    named = script.as_admin(path, body | {"amount": AMOUNT}, key="reverse-amount")
    script.refused("a reversal that names an amount", named, (422,))
    reversal = script.accepted("reversal of the coupon", script.as_admin(path, body, key="reverse"))
    taken = script.field("the reversal", reversal, "taken_back")
    script.expect("what the reversal took back", script.minor(taken), held)
    script.expect("the sum of the coupon's ledger rows", _sum_of_rows(script, grant), 0)


def _sum_of_rows(script: Script, grant: Mapping[str, Any]) -> int:
    account = f"GRANT/{grant['grant_id']}"
    return sum(row["delta"] for row in script.ledger() if row["account"] == account)


def _named(script: Script) -> dict[str, object]:
    return {
        "player_id": script.player.player_id,
        "coupon_log_id": script.actor.derived_id(script.key("coupon")),
    }
