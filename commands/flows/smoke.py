"""SMK-4 to SMK-8: what must work after any change, in seconds."""

from collections.abc import Mapping

from commands.flows._script import Bet, Script, begin
from rubyops.ports import Actor
from wallet_runtime.contract.codes import IDEMPOTENCY_PAYLOAD_MISMATCH

# The stake is less than the turnover that the deposit requires. So no rolling completes, because a
# sealed wallet would refuse the release of the money.
AMOUNT = "10.00"
STAKE = "2.00"
PAYOUT = "3.50"


def snapshot(actor: Actor) -> dict[str, object]:
    """SMK-4: the player's snapshot carries the active topology's code and version."""
    script = begin("SMK-4", actor)
    gate = actor.read.one("facts_gate")
    active = (gate["topology_code"], gate["topology_version"])
    script.expect("topology of the snapshot", _topology(script), active)
    return {"topology": active[0], "version": active[1]}


def _topology(script: Script) -> tuple[object, object]:
    found = script.snapshot().get("topology")
    topology: Mapping[str, object] = found if isinstance(found, Mapping) else {}
    return topology.get("code"), topology.get("version")


def sports_bet(actor: Actor) -> dict[str, object]:
    """SMK-5: a small sports bet authorizes, settles and leaves ledger rows."""
    return _bet_with_ledger_rows(begin("SMK-5", actor), "mocksports")


def casino_bet(actor: Actor) -> dict[str, object]:
    """SMK-6: a small casino bet authorizes, settles and leaves ledger rows."""
    return _bet_with_ledger_rows(begin("SMK-6", actor), "mocklive")


def duplicate(actor: Actor) -> dict[str, object]:
    """SMK-7: a repeated request gets the same answer and moves money only once."""
    script = begin("SMK-7", actor)
    script.deposit(AMOUNT, key="deposit", bucket=script.normal("mocksports"))
    first = script.bet("mocksports", STAKE, key="twin")
    answer = script.authorize("mocksports", STAKE, key="twin")
    second = script.accepted("the same bet again", answer)
    script.expect("the answer to the same bet again", second, first.answer)
    script.settle(first, PAYOUT, key="twin")
    script.settle(first, PAYOUT, key="twin")
    script.expect_taken("what the bet took", first)
    _expect_payout("what the settlement paid in all", script, first)
    held = script.minor(AMOUNT) - script.minor(STAKE) + script.minor(PAYOUT)
    script.expect("what the player holds in all", script.total_held(), held)
    script.tips_agree()
    return {"authorization_id": first.authorization_id}


def _expect_payout(what: str, script: Script, bet: Bet) -> None:
    paid = sum(script.legs(bet, "close").values())
    script.expect(what, paid, script.minor(PAYOUT))


def mismatch(actor: Actor) -> dict[str, object]:
    """SMK-8: a request id that is reused with another payload is refused and moves no money."""
    script = begin("SMK-8", actor)
    script.deposit(AMOUNT, key="deposit", bucket=script.normal("mocksports"))
    bet = script.bet("mocksports", "1.00", key="twin")
    answer = script.authorize("mocksports", "2.00", key="twin")
    what = "the same request id with another amount"
    script.refused(what, answer, (409,), IDEMPOTENCY_PAYLOAD_MISMATCH)
    script.rollback(bet, key="twin")
    script.expect("what the player holds afterwards", script.total_held(), script.minor(AMOUNT))
    script.tips_agree()
    return {"authorization_id": bet.authorization_id}


def _bet_with_ledger_rows(script: Script, provider: str) -> dict[str, object]:
    script.deposit(AMOUNT, key="deposit", bucket=script.normal(provider))
    bet = script.bet(provider, STAKE, key="one")
    script.settle(bet, PAYOUT, key="one")
    script.expect_taken("ledger rows of the bet", bet)
    _expect_payout("ledger rows of the settlement", script, bet)
    script.tips_agree()
    return {"authorization_id": bet.authorization_id, "account": ", ".join(bet.funding)}
