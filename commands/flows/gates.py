"""The release gates that only a call can prove: GATE-5, GATE-7, GATE-8, GATE-10.

Each probe first runs the audit of the gate's check.
"""

import copy
import re
from collections.abc import Mapping
from typing import Any

from checks.release import gate_05, gate_07, gate_08, gate_10
from commands.flows._script import Bet, Script, begin
from commands.flows.money import try_to_cash
from commands.flows.rollback import PROVIDER, bet_from_two_sources
from rubyops.errors import CheckFailed, Inconclusive
from rubyops.model.finding import Finding
from rubyops.ports import Actor, HttpAnswer
from wallet_runtime.contract.headers import CALLER_HEADER, TOKEN_HEADER
from wallet_runtime.contract.money import POINTS_CURRENCY
from wallet_runtime.contract.processes import GATEWAY, OPERATOR, WALLET_SERVICE
from wallet_runtime.contract.providers import PROVIDER_TYPES
from wallet_runtime.contract.routes import ROUTE_CALLERS

VALIDATE = "/internal/wallet/topology/validate"
PROBE_VERSION = 1_000_000  # no saved document has this version
# The status of a call that is refused because it names points. A 409 would only say that the canary
# holds no points, which proves nothing.
NEVER = (422,)
_PATH_PART = re.compile(r"\{\w+\}")


def stored_breakdown(actor: Actor) -> dict[str, object]:
    """GATE-5: rollback and settlement follow the breakdown stored at acceptance.

    The player's balances change between the acceptance and the end of the bet.
    """
    _demand_no_breach("GATE-5", gate_05.audit(actor.read))
    rolled_back, bet = _bet_then_deposit(actor, "rollback")
    rolled_back.rollback(bet, key="two")
    what = "what the rollback returned, against the stored breakdown"
    rolled_back.expect_paid(what, bet, bet.funding)
    settled, bet = _bet_then_deposit(actor, "settle")
    settled.settle(bet, "15.00", key="two")
    what = "where the winnings went, against the stored breakdown"
    settled.expect_paid(what, bet, bet.funding)
    for script in (rolled_back, settled):
        script.tips_agree()
    return {"funding": bet.funding}


def _bet_then_deposit(actor: Actor, label: str) -> tuple[Script, Bet]:
    """Place a bet that two sources pay, and then change the balance of one source."""
    script = begin("GATE-5", actor, label)
    bet = bet_from_two_sources(script, "15.00")
    script.deposit("50.00", key="later", bucket=script.normal(PROVIDER))
    return script, bet


def points(actor: Actor) -> dict[str, object]:
    """GATE-7: points fund no bet and no withdrawal, and no policy may allow it."""
    _demand_no_breach("GATE-7", gate_07.audit(actor.read))
    script = begin("GATE-7", actor)
    bucket = _bucket_of_kind(script, "points")
    _no_policy_allows(script, bucket)
    _no_call_uses(script, bucket)
    return {"bucket": bucket}


def _no_call_uses(script: Script, bucket: str) -> None:
    """Raise `CheckFailed` unless bets and withdrawals of points are refused."""
    answer = script.authorize(PROVIDER, "1.00", key="points", source=bucket)
    script.refused("a bet that names points as its source", answer, NEVER)
    answer = script.choose(PROVIDER, bucket)
    script.refused("the choice of points as the source of bets", answer, NEVER)
    answer = try_to_cash(script, {"amount": "1", "currency": POINTS_CURRENCY}, key="points")
    script.refused("a withdrawal of points", answer, NEVER)


def _no_policy_allows(script: Script, bucket: str) -> None:
    """Raise `CheckFailed` if a policy may fund bets with points or make them withdrawable."""
    topology, policy = _documents(script)
    for rule in ("A7-4", "A7-6"):
        _keeps(script, topology, policy, rule)
    for provider_type in PROVIDER_TYPES:
        funded = copy.deepcopy(policy)
        funded["funding"][provider_type]["sources"].append(bucket)
        what = f"a policy that funds {provider_type} bets with points"
        _violates(script, what, topology, funded, "A7-4")
    target = {**policy, "points_targets": [_bucket_of_kind(script, "withdrawable")]}
    what = "a policy that turns points into withdrawable money"
    _violates(script, what, topology, target, "A7-6")


def reachable(actor: Actor) -> dict[str, object]:
    """GATE-8: rule A7-8 refuses a topology that drops or redefines a bucket that holds money."""
    _demand_no_breach("GATE-8", gate_08.audit(actor.read))
    script = begin("GATE-8", actor)
    bucket = script.normal(PROVIDER)
    script.deposit("5.00", key="held", bucket=bucket)
    topology, policy = _documents(script)
    _keeps(script, topology, policy, "A7-8")
    what = f"a topology without {bucket}, which holds money"
    _violates(script, what, _without(topology, bucket), policy, "A7-8")
    what = f"a topology where {bucket} means bonus money"
    _violates(script, what, _as_bonus(topology, bucket), policy, "A7-8")
    return {"bucket": script.account(bucket)}


def _without(topology: dict[str, Any], bucket: str) -> dict[str, Any]:
    buckets = [item for item in topology["buckets"] if item["code"] != bucket]
    return {**topology, "buckets": buckets}


def _as_bonus(topology: dict[str, Any], bucket: str) -> dict[str, Any]:
    changed = copy.deepcopy(topology)
    next(item for item in changed["buckets"] if item["code"] == bucket)["kind"] = "bonus"
    return changed


def legacy_token(actor: Actor) -> dict[str, object]:
    """GATE-10: no copy has the legacy shared token, and every process refuses the token by 401."""
    demand("GATE-10", gate_10.audit(actor.read))
    script = begin("GATE-10", actor)
    doors = _doors(script)
    for process, path in doors.items():
        _refuses_strangers(script, process, path)
    return {"processes": list(doors)}


def _refuses_strangers(script: Script, process: str, path: str) -> None:
    for caller in (GATEWAY, OPERATOR):
        headers = {CALLER_HEADER: caller, TOKEN_HEADER: "legacy-shared-token"}
        answer = script.actor.as_stranger(process, path, headers)
        script.refused(f"a call of {process} as {caller} with a shared token", answer, (401,))
    answer = script.actor.as_stranger(process, path, {})
    script.refused(f"a call of {process} without a token", answer, (401,))


def _doors(script: Script) -> dict[str, str]:
    """Return one internal GET route for each process.

    Any route will do, because a process checks the credentials before the path.
    """
    found: dict[str, str] = {}
    for process, method, path in ROUTE_CALLERS:
        if method == "GET":
            found.setdefault(process, _PATH_PART.sub(script.player.player_id, path))
    return found


def demand(title: str, finding: Finding) -> None:
    """Raise `CheckFailed` for a failed finding, and `Inconclusive` for an inconclusive finding."""
    _demand_no_breach(title, finding)
    if not finding.ok:
        raise Inconclusive(f"{title}: {finding.summary}", details=finding.details)


def _demand_no_breach(title: str, finding: Finding) -> None:
    """Raise `CheckFailed` for a failed finding.

    An inconclusive finding means that no records exist yet. The probe then makes its own records.
    """
    if finding.status == "failed":
        raise CheckFailed(f"{title}: {finding.summary}", details=finding.details)


def _documents(script: Script) -> tuple[dict[str, Any], dict[str, Any]]:
    """Copy the active topology and policy, with a version that is not saved."""
    row = script.active_documents()
    topology, policy = copy.deepcopy(row["topology"]), copy.deepcopy(row["policy"])
    topology["version"] = policy["version"] = policy["topology"]["version"] = PROBE_VERSION
    return topology, policy


def _validate(script: Script, topology: Mapping[str, Any], policy: Mapping[str, Any]) -> HttpAnswer:
    return script.actor.as_operator(
        WALLET_SERVICE, "POST", VALIDATE, {"topology_document": topology, "policy_document": policy}
    )


def _keeps(
    script: Script, topology: Mapping[str, Any], policy: Mapping[str, Any], rule: str
) -> None:
    """Raise `CheckFailed` if the unchanged documents of the active pair break this rule.

    If they did, a refusal of the changed documents would prove nothing.
    """
    body = script.accepted("validation of the active pair", _validate(script, topology, policy))
    what = f"rule {rule} among the violations of the active pair's own documents"
    script.expect(what, rule in _rules(body), False)


def _violates(
    script: Script, what: str, topology: Mapping[str, Any], policy: Mapping[str, Any], rule: str
) -> None:
    answer = _validate(script, topology, policy)
    script.expect(f"rule {rule} among the violations of {what}", rule in _rules(answer.body), True)


def _rules(body: Any) -> list[str]:
    found = body if isinstance(body, Mapping) else {}
    violations = found.get("violations") or (found.get("details") or {}).get("violations") or []
    return sorted({str(violation.get("rule")) for violation in violations})


def _bucket_of_kind(script: Script, kind: str) -> str:
    buckets = script.active_documents()["topology"]["buckets"]
    codes = [item["code"] for item in buckets if item["kind"] == kind]
    script.expect(f"buckets of kind {kind}", len(codes), 1)
    return str(codes[0])
