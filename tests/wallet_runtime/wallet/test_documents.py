"""Topologies and policies on a real database: content that activation refuses (A7-1 to A7-8).

Each refusal names the broken rule with its path, and changes nothing.
"""

import json
from collections.abc import Callable

import httpx
import psycopg
import pytest

from tests.wallet_runtime.serving import internal
from tests.wallet_runtime.wallet.conftest import Player
from tests.wallet_runtime.wallet.office import CODE, NEXT, Document, Office, next_pair, office
from wallet_runtime.contract.processes import OPERATOR
from wallet_runtime.wallet.domain import bets, cash

__all__ = ["office"]
DEPOSIT = cash.Deposit(10_000, "EUR", "SPORTS_NORMAL")
Damage = Callable[[Document, Document], object]
BROKEN: tuple[tuple[str, str, Damage], ...] = (
    ("A7-1", "topology.buckets", lambda t, p: t["buckets"].pop(5)),
    (
        "A7-1",
        "policy.rolling.deposit.SPORTS_NORMAL",
        lambda t, p: p["rolling"]["deposit"].update(SPORTS_NORMAL="many"),
    ),
    ("A7-2", "policy.topology", lambda t, p: p["topology"].update(version=6)),
    ("A7-3", "policy.funding.LIVE", lambda t, p: p["funding"].pop("LIVE")),
    (
        "A7-4",
        "policy.funding.SPORTS.sources[0]",
        lambda t, p: p["funding"]["SPORTS"].update(sources=["NOWHERE"]),
    ),
    (
        "A7-5",
        "policy.destinations.SPORTS_BONUS.after",
        lambda t, p: p["destinations"]["SPORTS_BONUS"].update(after="WITHDRAWABLE"),
    ),
    ("A7-6", "policy.points_targets[0]", lambda t, p: p.update(points_targets=["SPORTS_BONUS"])),
    (
        "A7-7",
        "topology.transfer_edges[0].to_bucket",
        lambda t, p: t["transfer_edges"][0].update(to_bucket="NOWHERE"),
    ),
    (
        "A7-8",
        "topology.buckets[0]",
        lambda t, p: t["buckets"][0].update(provider_types=["SPORTS", "LIVE"]),
    ),
)


@pytest.mark.parametrize(
    ("rule", "path", "damage"), BROKEN, ids=[f"{rule} {path}" for rule, path, _ in BROKEN]
)
def test_each_broken_rule_is_refused_and_changes_nothing(
    office: Office, player: Player, rule: str, path: str, damage: Damage
) -> None:
    player.perform(cash.deposit, DEPOSIT)
    topology, policy = next_pair()
    damage(topology, policy)
    before = office.stored()
    refusal = office.activate(topology, policy)
    assert (refusal.status_code, refusal.json()["code"]) == (409, "ACTIVATION_REFUSED")
    violations = refusal.json()["details"]["violations"]
    assert (rule, path) in [(violation["rule"], violation["path"]) for violation in violations]
    assert {violation["rule"] for violation in violations} == {rule}
    assert office.stored() == before


@pytest.mark.parametrize("document", [5, "text", [], {}, True])
def test_whatever_is_sent_to_be_validated_is_told_what_it_lacks(
    office: Office, document: object
) -> None:
    topology, _ = next_pair()
    for body, name in (
        ({"topology_document": document}, "topology"),
        ({"topology_document": topology, "policy_document": document}, "policy"),
    ):
        told = office.send("POST", "topology/validate", body).json()
        assert told["valid"] is False
        assert {(v["rule"], v["path"].partition(".")[0]) for v in told["violations"]} == {
            ("A7-1", name)
        }


def test_validation_tells_of_versions_that_may_not_change_beside_all_other_rules(
    office: Office, player: Player
) -> None:
    player.perform(cash.deposit, DEPOSIT)
    topology, policy = next_pair()
    topology["version"] = policy["version"] = 1
    for _, _, damage in BROKEN[1:]:
        damage(topology, policy)
    before = office.stored()
    told = office.send(
        "POST", "topology/validate", {"topology_document": topology, "policy_document": policy}
    ).json()
    assert {violation["rule"] for violation in told["violations"]} == {
        f"A7-{number}" for number in range(1, 10)
    }
    assert {("A7-9", "topology.version"), ("A7-9", "policy.version")} <= {
        (v["rule"], v["path"]) for v in told["violations"]
    }
    assert office.stored() == before


def test_all_broken_rules_are_told_in_one_refusal(office: Office, player: Player) -> None:
    player.perform(cash.deposit, DEPOSIT)
    topology, policy = next_pair()
    for _, _, damage in BROKEN[1:]:
        damage(topology, policy)
    refusal = office.activate(topology, policy)
    assert {v["rule"] for v in refusal.json()["details"]["violations"]} == {
        f"A7-{number}" for number in range(1, 9)
    }


def test_a_fault_of_structure_is_a_422_with_every_path(office: Office) -> None:
    topology, policy = next_pair()
    topology["buckets"][0]["kind"], topology["version"] = "gold", "seven"
    refusal = office.send("PUT", f"topology/{CODE}", topology)
    assert (refusal.status_code, refusal.json()["code"]) == (422, "A7_1_STRUCTURE")
    assert [v["path"] for v in refusal.json()["details"]["violations"]] == [
        "topology.version",
        "topology.buckets[0].kind",
    ]
    told = office.send(
        "POST",
        "topology/validate",
        {"topology_document": topology, "policy_document": policy | {"funding": 5}},
    ).json()
    assert [v["path"] for v in told["violations"]] == [
        "topology.version",
        "topology.buckets[0].kind",
        "policy.funding",
    ]


OPEN_BET = {"provider_id": "mocksports", "bet_id": "b1"}


def _hold(player: Player, what: str, look: psycopg.Connection) -> None:
    """Leave exactly one kind of reference to SPORTS_NORMAL."""
    if what == "rolling obligation":
        player.perform(cash.deposit, DEPOSIT)
        player.perform(
            bets.authorize,
            bets.Authorize("mocksports", "SPORTS", "b1", "r1", 10_000, "EUR"),
            **OPEN_BET,
        )
        player.perform(bets.settle, bets.Settle("mocksports", "b1", "0"), **OPEN_BET)
    elif what == "open stake":
        player.perform(cash.deposit, DEPOSIT)
        player.perform(
            bets.authorize,
            bets.Authorize("mocksports", "SPORTS", "b1", "r1", 10_000, "EUR"),
            **OPEN_BET,
        )
        look.execute("UPDATE wallet.wallet_rolling_obligation SET state = 'CANCELED'")
    else:
        player.perform(cash.deposit, DEPOSIT)
        look.execute("UPDATE wallet.wallet_rolling_obligation SET state = 'CANCELED'")


@pytest.mark.parametrize("what", ["balance", "open stake", "rolling obligation"])
def test_a7_8_names_what_holds_a_bucket_that_would_go(
    office: Office, player: Player, look: psycopg.Connection, what: str
) -> None:
    _hold(player, what, look)
    topology, policy = next_pair()
    for bucket in topology["buckets"]:
        bucket["code"] = bucket["code"].replace("SPORTS_NORMAL", "SPORTS_OTHER")
    renamed = json.loads(json.dumps(policy).replace("SPORTS_NORMAL", "SPORTS_OTHER"))
    topology = json.loads(json.dumps(topology).replace("SPORTS_NORMAL", "SPORTS_OTHER"))
    violations = office.activate(topology, renamed).json()["details"]["violations"]
    assert {v["rule"] for v in violations} == {"A7-8"}
    assert any(f"1 x {what} in {CODE}/SPORTS_NORMAL" in v["message"] for v in violations), (
        violations
    )


@pytest.mark.parametrize("what", ["balance", "open stake", "rolling obligation"])
def test_what_would_refuse_an_activation_is_told_before_it(
    office: Office,
    player: Player,
    look: psycopg.Connection,
    what: str,
) -> None:
    """The operator's preview reports the same violations as the activation."""
    _hold(player, what, look)
    documents = json.loads(json.dumps(next_pair()).replace("SPORTS_NORMAL", "SPORTS_OTHER"))
    for path, document in zip((f"topology/{CODE}", "policy/default"), documents, strict=True):
        assert office.send("PUT", path, document).status_code == 200
    before = office.stored()
    told = _obstacles(office, NEXT)
    assert office.stored() == before
    start = {"topology_code": CODE, "topology_version": 1}
    policy = {"policy_key": "default", "version": NEXT}
    body = {"version": NEXT, "policy": policy, "from": start}
    refused = office.send("PUT", f"topology/{CODE}/activate", body)
    assert refused.status_code == 409
    assert told.json() == {"violations": refused.json()["details"]["violations"]}
    assert any(
        f"1 x {what} in {CODE}/SPORTS_NORMAL" in v["message"] for v in told.json()["violations"]
    )
    assert _obstacles(office, 1).json() == {"violations": []}
    assert _obstacles(office, 99).status_code == 404


def _obstacles(office: Office, version: int) -> httpx.Response:
    """Ask for the operator's preview of an activation of this version of both documents."""
    path = f"/internal/wallet/topology/{CODE}/activate/{version}/default/{version}"
    return office.client.get(path, headers=internal(OPERATOR, request_id=f"asked-{version}"))
