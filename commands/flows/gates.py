"""The release gates that only a call can prove: GATE-5, GATE-7, GATE-8, GATE-10.

Each probe first runs the audit of the gate's check.
"""

import copy
import re
from collections.abc import Mapping
from typing import Any

from checks.release import gate_05, gate_07, gate_08, gate_10
from commands.flows._script import Script, begin
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
    rolled_back = begin("GATE-5", actor, "rollback")
    bet = bet_from_two_sources(rolled_back, "15.00")
    rolled_back.deposit("50.00", key="later", bucket=rolled_back.normal(PROVIDER))
    rolled_back.rollback(bet, key="two")
    rolled_back.expect(
        "what the rollback returned, against the stored breakdown",
        rolled_back.legs(bet, "close"),
        bet.funding,
    )
    settled = begin("GATE-5", actor, "settle")
    bet = bet_from_two_sources(settled, "15.00")
    settled.deposit("50.00", key="later", bucket=settled.normal(PROVIDER))
    settled.settle(bet, "15.00", key="two")
    settled.expect(
        "where the winnings went, against the stored breakdown",
        settled.legs(bet, "close"),
        bet.funding,
    )
    for script in (rolled_back, settled):
        script.tips_agree()
    return {"funding": bet.funding}


def points(actor: Actor) -> dict[str, object]:
    """GATE-7: points fund no bet and no withdrawal, and no policy may allow it."""
    _demand_no_breach("GATE-7", gate_07.audit(actor.read))
    script = begin("GATE-7", actor)
    bucket = _bucket_of_kind(script, "points")
    topology, policy = _documents(script)
    for rule in ("A7-4", "A7-6"):
        _keeps(script, topology, policy, rule)
    for provider_type in PROVIDER_TYPES:
        funded = copy.deepcopy(policy)
        funded["funding"][provider_type]["sources"].append(bucket)
        _violates(
            script,
            f"a policy that funds {provider_type} bets with points",
            topology,
            funded,
            "A7-4",
        )
    target = {**policy, "points_targets": [_bucket_of_kind(script, "withdrawable")]}
    _violates(
        script, "a policy that turns points into withdrawable money", topology, target, "A7-6"
    )
    script.refused(
        "a bet that names points as its source",
        script.authorize(PROVIDER, "1.00", key="points", source=bucket),
        NEVER,
    )
    script.refused(
        "the choice of points as the source of bets", script.choose(PROVIDER, bucket), NEVER
    )
    body = {"amount": "1", "currency": POINTS_CURRENCY}
    answer = actor.as_player(
        script.player,
        "POST",
        "/api/v1/player/wallet/wallet-withdrawal",
        body,
        key=script.key("points"),
    )
    script.refused("a withdrawal of points", answer, NEVER)
    return {"bucket": bucket}


def reachable(actor: Actor) -> dict[str, object]:
    """GATE-8: rule A7-8 refuses a topology that drops or redefines a bucket that holds money."""
    _demand_no_breach("GATE-8", gate_08.audit(actor.read))
    script = begin("GATE-8", actor)
    bucket = script.normal(PROVIDER)
    script.deposit("5.00", key="held", bucket=bucket)
    topology, policy = _documents(script)
    _keeps(script, topology, policy, "A7-8")
    without = {
        **topology,
        "buckets": [item for item in topology["buckets"] if item["code"] != bucket],
    }
    _violates(script, f"a topology without {bucket}, which holds money", without, policy, "A7-8")
    changed = copy.deepcopy(topology)
    next(item for item in changed["buckets"] if item["code"] == bucket)["kind"] = "bonus"
    _violates(script, f"a topology where {bucket} means bonus money", changed, policy, "A7-8")
    return {"bucket": script.account(bucket)}


def legacy_token(actor: Actor) -> dict[str, object]:
    """GATE-10: no copy has the legacy shared token, and every process refuses the token by 401."""
    demand("GATE-10", gate_10.audit(actor.read))
    script = begin("GATE-10", actor)
    doors = _doors(script)
    for process, path in doors.items():
        for caller in (GATEWAY, OPERATOR):
            answer = actor.as_stranger(
                process, path, {CALLER_HEADER: caller, TOKEN_HEADER: "legacy-shared-token"}
            )
            script.refused(f"a call of {process} as {caller} with a shared token", answer, (401,))
        script.refused(
            f"a call of {process} without a token", actor.as_stranger(process, path, {}), (401,)
        )
    return {"processes": list(doors)}


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
    script.expect(
        f"rule {rule} among the violations of the active pair's own documents",
        rule in _rules(body),
        False,
    )


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
