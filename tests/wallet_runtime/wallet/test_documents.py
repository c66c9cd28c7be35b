"""Documents on a real database.

Each rule of activation refuses by itself, changes nothing, and says where (A7-1 to A7-13).
"""

import copy
import json
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import httpx
import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import internal, serving
from tests.wallet_runtime.wallet.conftest import Player
from wallet_runtime.admin.api import SERVICE as ADMIN
from wallet_runtime.contract.headers import IDEMPOTENCY_KEY_HEADER
from wallet_runtime.contract.processes import OPERATOR
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.api import SERVICE
from wallet_runtime.wallet.domain import bets, cash

Document = dict[str, Any]
CODE = "RUBY_SPLIT_V1"
DEPOSIT = cash.Deposit(10_000, "EUR", "SPORTS_NORMAL")
NEXT = 7


def _pair() -> tuple[Document, Document]:
    """Return the active pair's documents as version 7 of both."""
    pair = json.loads(
        resources.files("wallet_runtime.wallet")
        .joinpath("seeds", "ruby_split_v1.1.json")
        .read_text()
    )
    topology, policy = pair["topology"] | {"version": NEXT}, pair["policy"] | {"version": NEXT}
    return topology, policy | {"topology": {"code": CODE, "version": NEXT}}


class Office:
    """wallet_service over HTTP, as admin_service calls it, and a look at what is stored."""

    def __init__(
        self, client: httpx.Client, look: psycopg.Connection, platform: TestDatabase
    ) -> None:
        """Count requests, so that none repeats another."""
        self.client, self.look, self.platform, self.count = client, look, platform, 0

    def send(self, method: str, path: str, body: Document | None = None) -> httpx.Response:
        self.count += 1
        headers = internal("admin_service", request_id=f"office-{self.count}")
        return self.client.request(method, f"/internal/wallet/{path}", json=body, headers=headers)

    def activate(
        self, topology: Document, policy: Document, version: int | None = NEXT
    ) -> httpx.Response:
        """Save the topology and activate it with its policy document, from the active pair."""
        saved = self.send("PUT", f"topology/{topology['code']}", topology)
        assert saved.status_code == 200, saved.text
        start = {"topology_code": CODE, "topology_version": 1}
        return self.send(
            "PUT",
            f"topology/{topology['code']}/activate",
            {"version": version, "policy_document": policy, "from": start},
        )

    def stored(self) -> list[Any]:
        """Return everything that an activation could change."""
        gate = self.look.execute("SELECT to_jsonb(g) FROM wallet.wallet_gate g").fetchall()
        return [
            *gate,
            *self.look.execute(
                "SELECT code, version, state FROM wallet.wallet_topology WHERE state <> 'DRAFT'"
                " ORDER BY 1, 2"
            ),
            *self.look.execute(
                "SELECT to_jsonb(p) FROM wallet.wallet_policy p ORDER BY p.policy_key, p.version"
            ),
            *self.look.execute(
                "SELECT to_jsonb(a) FROM wallet.wallet_activation a ORDER BY a.activation_no"
            ),
        ]


@pytest.fixture
def office(
    wallet: Database, platform_db: TestDatabase, look: psycopg.Connection
) -> Iterator[Office]:
    with serving(SERVICE, platform_db) as served:
        yield Office(served.client, look, platform_db)


def _told(refusal: httpx.Response) -> list[tuple[str, str]]:
    """Every rule that a refusal names, with its path."""
    return [
        (violation["rule"], violation["path"])
        for violation in refusal.json()["details"]["violations"]
    ]


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
    topology, policy = _pair()
    damage(topology, policy)
    before = office.stored()
    refusal = office.activate(topology, policy)
    assert (refusal.status_code, refusal.json()["code"]) == (409, "ACTIVATION_REFUSED")
    violations = refusal.json()["details"]["violations"]
    assert (rule, path) in [(violation["rule"], violation["path"]) for violation in violations]
    assert {violation["rule"] for violation in violations} == {rule}
    assert office.stored() == before


def _active_again(office: Office) -> httpx.Response:
    topology, policy = _pair()
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
    topology, policy = _pair()
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
    assert (refusal.status_code, _told(refusal)) == (status, [(rule, path)])
    after = office.stored()
    assert [row for row in after if isinstance(row, tuple) and row[-1] == "ACTIVE"] == [
        (CODE, NEXT if rule in ("A7-9", "A7-13") else 1, "ACTIVE")
    ]


@pytest.mark.parametrize("version", [0, -1, 2**31, 2**70, "2", 1.5, None, True])
def test_a_version_that_cannot_be_one_is_a_422_everywhere(office: Office, version: object) -> None:
    topology, policy = _pair()
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


@pytest.mark.parametrize("document", [5, "text", [], {}, True])
def test_whatever_is_sent_to_be_validated_is_told_what_it_lacks(
    office: Office, document: object
) -> None:
    topology, _ = _pair()
    for body, name in (
        ({"topology_document": document}, "topology"),
        ({"topology_document": topology, "policy_document": document}, "policy"),
    ):
        told = office.send("POST", "topology/validate", body).json()
        assert told["valid"] is False
        assert {(v["rule"], v["path"].partition(".")[0]) for v in told["violations"]} == {
            ("A7-1", name)
        }


def test_what_differs_between_two_versions(office: Office) -> None:
    found = office.send("GET", f"topology/{CODE}/diff/1/2").json()["differences"]
    assert {"path": "version", "old": 1, "new": 2} in found
    assert office.send("GET", f"topology/{CODE}/diff/1/1").json() == {"differences": []}
    assert office.send("GET", "policy/default/diff/1/2").json()["differences"]
    missing = office.send("GET", f"topology/{CODE}/diff/1/99")
    assert (missing.status_code, missing.json()["code"]) == (404, "DOCUMENT_NOT_FOUND")


def test_validation_tells_of_versions_that_may_not_change_beside_all_other_rules(
    office: Office, player: Player
) -> None:
    player.perform(cash.deposit, DEPOSIT)
    topology, policy = _pair()
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
    topology, policy = _pair()
    for _, _, damage in BROKEN[1:]:
        damage(topology, policy)
    refusal = office.activate(topology, policy)
    assert {v["rule"] for v in refusal.json()["details"]["violations"]} == {
        f"A7-{number}" for number in range(1, 9)
    }


def test_a_fault_of_structure_is_a_422_with_every_path(office: Office) -> None:
    topology, policy = _pair()
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
    topology, policy = _pair()
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
    """The operator's question and the activation answer by the same rules."""
    _hold(player, what, look)
    documents = json.loads(json.dumps(_pair()).replace("SPORTS_NORMAL", "SPORTS_OTHER"))
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
    """Ask as the operator what would refuse the pair of this version of both documents."""
    path = f"/internal/wallet/topology/{CODE}/activate/{version}/default/{version}"
    return office.client.get(path, headers=internal(OPERATOR, request_id=f"asked-{version}"))


def test_a7_9_a_save_never_overwrites_an_active_or_superseded_version(
    office: Office, look: psycopg.Connection
) -> None:
    topology, policy = _pair()
    assert office.activate(topology, policy).status_code == 200
    for version in (1, NEXT):  # superseded, active
        for kind, key, document in (("topology", CODE, topology), ("policy", "default", policy)):
            before = office.stored()
            refusal = office.send(
                "PUT", f"{kind}/{key}", copy.deepcopy(document) | {"version": version}
            )
            assert (refusal.status_code, refusal.json()["code"]) == (409, "A7_9_NOT_A_DRAFT")
            assert _told(refusal) == [("A7-9", f"{kind}.version")]
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
    topology, _ = _pair()
    office.send("PUT", f"topology/{CODE}", topology)
    before = office.stored()
    refusal = office.send(
        "PUT",
        f"topology/{CODE}/activate",
        {"version": NEXT, "from": {"topology_code": CODE, "topology_version": 1}},
    )
    assert (refusal.status_code, refusal.json()["code"]) == (422, "A7_10_POLICY_REQUIRED")
    assert _told(refusal) == [("A7-10", "policy_document")]
    assert office.stored() == before
    again = office.send("PUT", f"topology/{CODE}/activate", {"version": 1})
    assert (again.status_code, again.json()["changed"]) == (200, False)
    assert office.stored() == before


def test_a7_11_a_policy_alone_is_activated_only_for_the_active_topology(office: Office) -> None:
    topology, policy = _pair()
    office.send("PUT", f"topology/{CODE}", topology)
    office.send("PUT", "policy/default", policy)
    before = office.stored()
    refusal = office.send("PUT", "policy/default/activate", {"version": NEXT})
    assert (refusal.status_code, refusal.json()["code"]) == (409, "A7_11_POLICY_FOR_OTHER_TOPOLOGY")
    assert _told(refusal) == [("A7-11", "policy.topology")]
    assert office.stored() == before
    office.send(
        "PUT", "policy/default", policy | {"version": 8, "topology": {"code": CODE, "version": 1}}
    )
    assert office.send("PUT", "policy/default/activate", {"version": 8}).json()["changed"] is True


def test_a7_13_a_superseded_pair_comes_back_by_reference_under_the_same_checks(
    office: Office, player: Player
) -> None:
    topology, policy = _pair()
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
