"""Versions of topologies and policies: those that may be saved and activated (A7-9 to A7-13)."""

import copy
import json
from collections.abc import Callable

import httpx
import psycopg
import pytest

from tests.wallet_runtime.serving import serving
from tests.wallet_runtime.wallet.conftest import Player
from tests.wallet_runtime.wallet.office import CODE, NEXT, Office, next_pair, office, violations_of
from wallet_runtime.admin.api import SERVICE as ADMIN
from wallet_runtime.contract.headers import IDEMPOTENCY_KEY_HEADER
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import cash

__all__ = ["office"]


def _active_again(office: Office) -> httpx.Response:
    topology, policy = next_pair()
    assert office.activate(topology, policy).status_code == 200
    return office.send("PUT", f"topology/{CODE}", topology | {"transfer_edges": []})


def _no_policy(office: Office) -> httpx.Response:
    return office.send(
        "PUT",
        f"topology/{CODE}/activate",
        {"version": 2, "from": {"topology_code": CODE, "topology_version": 1}},
    )


def _policy_alone(office: Office) -> httpx.Response:
    return office.send("PUT", "policy/default/activate", {"version": 2})


def _by_the_back_office(office: Office) -> httpx.Response:
    with serving(ADMIN, office.platform, WALLET_SERVICE_URL=str(office.client.base_url)) as admin:
        headers = {"Authorization": "Bearer admin-token", IDEMPOTENCY_KEY_HEADER: "back-office"}
        return admin.client.put(
            f"/api/v1/topology/{CODE}/activate", json={"version": 2}, headers=headers
        )


def _sent_again(office: Office) -> httpx.Response:
    topology, policy = next_pair()
    assert office.activate(topology, policy).status_code == 200
    first = office.send("GET", "policy/default").json()["versions"][-1]["document"]
    start = {"topology_code": CODE, "topology_version": NEXT}
    return office.send(
        "PUT", f"topology/{CODE}/activate", {"version": 1, "policy_document": first, "from": start}
    )


@pytest.mark.parametrize(
    ("rule", "path", "status", "act"),
    [
        ("A7-9", "topology.version", 409, _active_again),
        ("A7-10", "policy_document", 422, _no_policy),
        ("A7-11", "policy.topology", 409, _policy_alone),
        ("A7-12", "policy_document", 422, _by_the_back_office),
        ("A7-13", "policy_document", 409, _sent_again),
    ],
)
def test_each_rule_of_versions_is_refused_with_its_path(
    office: Office, rule: str, path: str, status: int, act: Callable[[Office], httpx.Response]
) -> None:
    refusal = act(office)
    assert (refusal.status_code, violations_of(refusal)) == (status, [(rule, path)])
    after = office.stored()
    assert [row for row in after if isinstance(row, tuple) and row[-1] == "ACTIVE"] == [
        (CODE, NEXT if rule in ("A7-9", "A7-13") else 1, "ACTIVE")
    ]


@pytest.mark.parametrize("version", [0, -1, 2**31, 2**70, "2", 1.5, None, True])
def test_a_version_that_cannot_be_one_is_a_422_everywhere(office: Office, version: object) -> None:
    topology, policy = next_pair()
    for method, path, body in (
        ("PUT", f"topology/{CODE}", topology | {"version": version}),
        ("PUT", "policy/default", policy | {"version": version}),
        ("PUT", "policy/default", policy | {"topology": {"code": CODE, "version": version}}),
        (
            "PUT",
            f"topology/{CODE}/activate",
            {"version": version, "policy": {"policy_key": "default", "version": 1}},
        ),
        (
            "PUT",
            f"topology/{CODE}/activate",
            {"version": 1, "policy_document": {"policy_key": "default", "version": version}},
        ),
        ("PUT", "policy/default/activate", {"version": version}),
        ("GET", f"topology/{CODE}/diff/1/{version!r}", None),
        ("GET", f"topology/{CODE}/diff/1/{'0' * 11}1{2**70}", None),
    ):
        assert office.send(method, path, body).status_code == 422, (method, path, body)


def test_what_differs_between_two_versions(office: Office) -> None:
    found = office.send("GET", f"topology/{CODE}/diff/1/2").json()["differences"]
    assert {"path": "version", "old": 1, "new": 2} in found
    assert office.send("GET", f"topology/{CODE}/diff/1/1").json() == {"differences": []}
    assert office.send("GET", "policy/default/diff/1/2").json()["differences"]
    missing = office.send("GET", f"topology/{CODE}/diff/1/99")
    assert (missing.status_code, missing.json()["code"]) == (404, "DOCUMENT_NOT_FOUND")


def test_a7_9_a_save_never_overwrites_an_active_or_superseded_version(
    office: Office, look: psycopg.Connection
) -> None:
    topology, policy = next_pair()
    assert office.activate(topology, policy).status_code == 200
    for version in (1, NEXT):  # a superseded version, then the active one
        for kind, key, document in (("topology", CODE, topology), ("policy", "default", policy)):
            before = office.stored()
            refusal = office.send(
                "PUT", f"{kind}/{key}", copy.deepcopy(document) | {"version": version}
            )
            assert (refusal.status_code, refusal.json()["code"]) == (409, "A7_9_NOT_A_DRAFT")
            assert violations_of(refusal) == [("A7-9", f"{kind}.version")]
            assert office.stored() == before
    draft = policy | {"version": 8}
    for multiplier in ("2", "3"):
        draft = json.loads(json.dumps(draft))
        draft["rolling"]["deposit"]["SPORTS_NORMAL"] = multiplier
        assert office.send("PUT", "policy/default", draft).status_code == 200
    kept = look.execute(
        "SELECT document->'rolling'->'deposit'->>'SPORTS_NORMAL' FROM wallet.wallet_policy WHERE"
        " version = 8"
    ).fetchone()
    assert kept == ("3",)


@pytest.mark.parametrize("table", ["wallet_topology", "wallet_policy"])
@pytest.mark.parametrize(
    "change", ["document = '{}'", "version = 99", "saved_by = 'x'", "state = 'DRAFT'"]
)
def test_a7_9_the_database_itself_keeps_what_was_active(
    wallet: Database, look: psycopg.Connection, table: str, change: str
) -> None:
    for statement in (
        f"UPDATE wallet.{table} SET {change} WHERE state = 'ACTIVE'",
        f"DELETE FROM wallet.{table} WHERE state = 'ACTIVE'",
    ):
        with pytest.raises(psycopg.errors.DatabaseError) as error:
            look.execute(statement.encode())
        assert error.value.sqlstate == "RW009"


def test_a7_10_a_topology_without_a_policy_is_activated_only_where_it_is_active(
    office: Office,
) -> None:
    topology, _ = next_pair()
    office.send("PUT", f"topology/{CODE}", topology)
    before = office.stored()
    refusal = office.send(
        "PUT",
        f"topology/{CODE}/activate",
        {"version": NEXT, "from": {"topology_code": CODE, "topology_version": 1}},
    )
    assert (refusal.status_code, refusal.json()["code"]) == (422, "A7_10_POLICY_REQUIRED")
    assert violations_of(refusal) == [("A7-10", "policy_document")]
    assert office.stored() == before
    again = office.send("PUT", f"topology/{CODE}/activate", {"version": 1})
    assert (again.status_code, again.json()["changed"]) == (200, False)
    assert office.stored() == before


def test_a7_11_a_policy_alone_is_activated_only_for_the_active_topology(office: Office) -> None:
    topology, policy = next_pair()
    office.send("PUT", f"topology/{CODE}", topology)
    office.send("PUT", "policy/default", policy)
    before = office.stored()
    refusal = office.send("PUT", "policy/default/activate", {"version": NEXT})
    assert (refusal.status_code, refusal.json()["code"]) == (409, "A7_11_POLICY_FOR_OTHER_TOPOLOGY")
    assert violations_of(refusal) == [("A7-11", "policy.topology")]
    assert office.stored() == before
    office.send(
        "PUT", "policy/default", policy | {"version": 8, "topology": {"code": CODE, "version": 1}}
    )
    assert office.send("PUT", "policy/default/activate", {"version": 8}).json()["changed"] is True


def test_a7_13_a_superseded_pair_comes_back_by_reference_under_the_same_checks(
    office: Office, player: Player
) -> None:
    topology, policy = next_pair()
    topology["buckets"].append({"code": "EXTRA", "kind": "normal", "provider_types": ["SPORTS"]})
    policy["destinations"]["EXTRA"] = {"before": "EXTRA", "after": "EXTRA"}
    assert office.activate(topology, policy).status_code == 200
    versions = office.look.execute("SELECT count(*) FROM wallet.wallet_topology").fetchone()
    back = {
        "version": 1,
        "policy": {"policy_key": "default", "version": 1},
        "from": {"topology_code": CODE, "topology_version": NEXT},
    }
    player.perform(cash.deposit, cash.Deposit(500, "EUR", "EXTRA"))
    before = office.stored()
    refusal = office.send("PUT", f"topology/{CODE}/activate", back)
    assert {v["rule"] for v in refusal.json()["details"]["violations"]} == {"A7-8"}
    assert office.stored() == before
    office.look.execute("UPDATE wallet.wallet_bucket SET balance = 0")
    office.look.execute("UPDATE wallet.wallet_rolling_obligation SET state = 'CANCELED'")
    done = office.send("PUT", f"topology/{CODE}/activate", back)
    assert (done.status_code, done.json()["changed"]) == (200, True), done.text
    assert office.look.execute("SELECT count(*) FROM wallet.wallet_topology").fetchone() == versions
    history = office.send("GET", "activations").json()["activations"]
    assert [row["topology_version"] for row in history] == [1, NEXT, 1]
    assert {
        row["state"]
        for row in office.send("GET", "topology").json()["versions"]
        if row["version"] in (1, NEXT)
    } == {
        "ACTIVE",
        "SUPERSEDED",
    }
