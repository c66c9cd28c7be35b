"""The release gates that only a call can prove: GATE-5, GATE-7, GATE-8, GATE-10. Each first reads what its check reads."""

import copy
from collections.abc import Mapping
from typing import Any

from checks.release import gate_05, gate_07, gate_08, gate_10
from commands.flows._script import Script, begin
from commands.flows.rollback import PROVIDER, bet_from_two_sources
from rubyops.errors import CheckFailed
from rubyops.model.finding import Finding
from rubyops.ports import Actor, HttpAnswer
from wallet_runtime.contract import CALLER_HEADER, GATEWAY, OPERATOR, POINTS_CURRENCY, SPORTS, TOKEN_HEADER, WALLET_SERVICE

VALIDATE = "/internal/wallet/topology/validate"
PROBE_VERSION = 1_000_000  # a version that no document has, so that nothing saved is meant
REFUSALS = (400, 403, 409, 422)


def stored_breakdown(actor: Actor) -> dict[str, object]:
    """GATE-5: after a change of balances, rollback and settlement still follow the breakdown stored at acceptance."""
    _demand("GATE-5", gate_05.audit(actor.read))
    rolled_back = begin("GATE-5", actor, "rollback")
    bet = bet_from_two_sources(rolled_back, "15.00")
    rolled_back.deposit("50.00", key="later", bucket=rolled_back.normal(PROVIDER))
    rolled_back.rollback(bet, key="two")
    rolled_back.expect("what the rollback returned, against the stored breakdown", rolled_back.legs(bet, "close"), bet.funding)
    settled = begin("GATE-5", actor, "settle")
    bet = bet_from_two_sources(settled, "15.00")
    settled.deposit("50.00", key="later", bucket=settled.normal(PROVIDER))
    settled.settle(bet, "15.00", key="two")
    settled.expect("where the winnings went, against the stored breakdown", settled.legs(bet, "close"), bet.funding)
    for script in (rolled_back, settled):
        script.tips_agree()
    return {"funding": bet.funding}


def points(actor: Actor) -> dict[str, object]:
    """GATE-7: a policy that funds bets with points is refused, and so are a bet and a withdrawal in points."""
    _demand("GATE-7", gate_07.audit(actor.read))
    script = begin("GATE-7", actor)
    bucket = _bucket_of_kind(script, "points")
    topology, policy = _documents(script)
    _accepted_pair(script, topology, policy)
    policy["funding"][SPORTS]["sources"].append(bucket)
    _violates(script, "a policy that funds bets with points", topology, policy, "A7-4")
    script.refused("a bet that names points as its source", script.authorize(PROVIDER, "1.00", key="points", source=bucket), REFUSALS)
    body = {"amount": "1", "currency": POINTS_CURRENCY}
    answer = actor.as_player(script.player, "POST", "/api/v1/player/wallet/wallet-withdrawal", body, key=script.key("points"))
    script.refused("a withdrawal of points", answer, REFUSALS)
    return {"bucket": bucket}


def reachable(actor: Actor) -> dict[str, object]:
    """GATE-8: a topology that lacks a bucket holding money, or changes its meaning, is refused by rule A7-8."""
    _demand("GATE-8", gate_08.audit(actor.read))
    script = begin("GATE-8", actor)
    bucket = script.normal(PROVIDER)
    script.deposit("5.00", key="held", bucket=bucket)
    topology, policy = _documents(script)
    _accepted_pair(script, topology, policy)
    without = {**topology, "buckets": [item for item in topology["buckets"] if item["code"] != bucket]}
    _violates(script, f"a topology without {bucket}, which holds money", without, policy, "A7-8")
    changed = copy.deepcopy(topology)
    next(item for item in changed["buckets"] if item["code"] == bucket)["kind"] = "bonus"
    _violates(script, f"a topology where {bucket} means bonus money", changed, policy, "A7-8")
    return {"bucket": script.account(bucket)}


def legacy_token(actor: Actor) -> dict[str, object]:
    """GATE-10: no copy has the legacy shared token, and a call that shows one is 401."""
    _demand("GATE-10", gate_10.audit(actor.read))
    script = begin("GATE-10", actor)
    path = "/internal/wallet/topology/active"
    for caller in (GATEWAY, OPERATOR):
        answer = actor.as_stranger(WALLET_SERVICE, path, {CALLER_HEADER: caller, TOKEN_HEADER: "legacy-shared-token"})
        script.refused(f"a call as {caller} with a shared token", answer, (401,))
    script.refused("a call without a token", actor.as_stranger(WALLET_SERVICE, path, {}), (401,))
    return {"process": WALLET_SERVICE}


def _demand(title: str, finding: Finding) -> None:
    if not finding.ok:
        raise CheckFailed(f"{title}: {finding.summary}", details=finding.details)


def _documents(script: Script) -> tuple[dict[str, Any], dict[str, Any]]:
    """Copy the active pair's documents under a version that was never saved."""
    row = script.actor.read.one("facts_active_documents")
    topology, policy = copy.deepcopy(row["topology"]), copy.deepcopy(row["policy"])
    topology["version"] = policy["version"] = policy["topology"]["version"] = PROBE_VERSION
    return topology, policy


def _validate(script: Script, topology: Mapping[str, Any], policy: Mapping[str, Any]) -> HttpAnswer:
    return script.actor.as_operator(WALLET_SERVICE, "POST", VALIDATE, {"topology_document": topology, "policy_document": policy})


def _accepted_pair(script: Script, topology: Mapping[str, Any], policy: Mapping[str, Any]) -> None:
    """Demand that the unchanged pair is valid, so that a refusal of the changed one means something."""
    answer = _validate(script, topology, policy)
    script.expect("violations of the active pair's own documents", _rules(script.accepted("validation of the active pair", answer)), [])


def _violates(script: Script, what: str, topology: Mapping[str, Any], policy: Mapping[str, Any], rule: str) -> None:
    answer = _validate(script, topology, policy)
    script.expect(f"rule {rule} among the violations of {what}", rule in _rules(answer.body), True)


def _rules(body: Any) -> list[str]:
    found = body if isinstance(body, Mapping) else {}
    violations = found.get("violations") or (found.get("details") or {}).get("violations") or []
    return sorted({str(violation.get("rule")) for violation in violations})


def _bucket_of_kind(script: Script, kind: str) -> str:
    buckets = script.actor.read.one("facts_active_documents")["topology"]["buckets"]
    codes = [item["code"] for item in buckets if item["kind"] == kind]
    script.expect(f"buckets of kind {kind}", len(codes), 1)
    return str(codes[0])
