"""Each rule of validation names its own violations, with their paths in the document."""

import json
from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest

from wallet_runtime.wallet.domain.documents import DocumentInvalid, read_policy, read_topology
from wallet_runtime.wallet.domain.validation import (
    LiveReference,
    validate_live_state,
    validate_pair,
)

SEEDS = ("ruby_split_v1.1.json", "ruby_split_v1.2.json", "ruby_unified_v1.1.json")
Document = dict[str, Any]


def _seed(name: str = SEEDS[0]) -> tuple[Document, Document]:
    pair = json.loads(resources.files("wallet_runtime.wallet").joinpath("seeds", name).read_text())
    return pair["topology"], pair["policy"]


@pytest.mark.parametrize("name", SEEDS)
def test_every_seed_is_valid(name: str) -> None:
    topology, policy = _seed(name)
    assert validate_pair(read_topology(topology), read_policy(policy)) == []


def _drop(document: Document, key: str) -> None:
    del document[key]


CASES: list[tuple[str, str, Callable[[Document, Document], object]]] = [
    ("A7-1", "topology.buckets[1].code", lambda t, p: t["buckets"].__setitem__(1, t["buckets"][0])),
    ("A7-1", "topology.buckets", lambda t, p: t["buckets"].pop(5)),
    (
        "A7-1",
        "topology.buckets[0].provider_types",
        lambda t, p: t["buckets"][0].update(provider_types=[]),
    ),
    ("A7-2", "policy.topology", lambda t, p: p["topology"].update(version=9)),
    ("A7-3", "policy.funding.LIVE", lambda t, p: _drop(p["funding"], "LIVE")),
    (
        "A7-3",
        "policy.funding.SPORTS.sources[0]",
        lambda t, p: p["funding"]["SPORTS"].update(sources=["CASINO_NORMAL"]),
    ),
    (
        "A7-3",
        "policy.funding.SPORTS.sources",
        lambda t, p: p["funding"]["SPORTS"].update(sources=[], withdrawable="not_usable"),
    ),
    (
        "A7-3",
        "policy.funding.SPORTS.max_bet_under_bonus.EUR",
        lambda t, p: p["funding"]["SPORTS"]["max_bet_under_bonus"].update(EUR="1.234"),
    ),
    (
        "A7-4",
        "policy.funding.SPORTS.sources[0]",
        lambda t, p: p["funding"]["SPORTS"].update(sources=["NOWHERE"]),
    ),
    (
        "A7-4",
        "policy.funding.SPORTS.sources[0]",
        lambda t, p: p["funding"]["SPORTS"].update(sources=["POINTS"]),
    ),
    (
        "A7-5",
        "policy.destinations.SPORTS_NORMAL.after",
        lambda t, p: p["destinations"]["SPORTS_NORMAL"].update(after="SPORTS_BONUS"),
    ),
    (
        "A7-5",
        "policy.destinations.SPORTS_BONUS.after",
        lambda t, p: p["destinations"]["SPORTS_BONUS"].update(after="WITHDRAWABLE"),
    ),
    (
        "A7-5",
        "policy.destinations.WITHDRAWABLE",
        lambda t, p: _drop(p["destinations"], "WITHDRAWABLE"),
    ),
    ("A7-1", "topology.code", lambda t, p: t.update(code="GRANT")),
    ("A7-1", "topology.buckets[0].code", lambda t, p: t["buckets"][0].update(code="GRANT")),
    (
        "A7-1",
        "policy.coupons.rolling.sports",
        lambda t, p: p["coupons"]["rolling"].update(sports="-1"),
    ),
    (
        "A7-1",
        "policy.coupons.release_cap.casino",
        lambda t, p: p["coupons"]["release_cap"].update(casino="much"),
    ),
    (
        "A7-3",
        "policy.coupons.winnings.CHESS",
        lambda t, p: p["coupons"]["winnings"].update(CHESS={"before": "GRANT", "after": "GRANT"}),
    ),
    (
        "A7-5",
        "policy.coupons.winnings.LIVE.after",
        lambda t, p: p["coupons"]["winnings"]["LIVE"].update(after="WITHDRAWABLE"),
    ),
    (
        "A7-5",
        "policy.coupons.winnings.LIVE.before",
        lambda t, p: p["coupons"]["winnings"]["LIVE"].update(before="NOWHERE"),
    ),
    ("A7-6", "policy.points_targets[0]", lambda t, p: p.update(points_targets=["SPORTS_BONUS"])),
    (
        "A7-6",
        "topology.points_targets[1].bucket",
        lambda t, p: t["points_targets"][1].update(bucket="SPORTS_NORMAL"),
    ),
    (
        "A7-6",
        "topology.points_targets[0].minor_units_per_point.XXX",
        lambda t, p: t["points_targets"][0]["minor_units_per_point"].update(XXX=1),
    ),
    ("A7-6", "policy.points_targets[1]", lambda t, p: t["points_targets"].pop(1)),
    (
        "A7-7",
        "topology.transfer_edges[0]",
        lambda t, p: t["transfer_edges"][0].update(to_bucket=t["transfer_edges"][0]["from_bucket"]),
    ),
    (
        "A7-3",
        "policy.funding.SPORTS.max_bet_under_bonus.BTC",
        lambda t, p: p["funding"]["SPORTS"]["max_bet_under_bonus"].pop("BTC"),
    ),
    (
        "A7-3",
        "policy.funding.SPORTS.max_bet_under_bonus.XXX",
        lambda t, p: p["funding"]["SPORTS"]["max_bet_under_bonus"].update(XXX="none"),
    ),
    (
        "A7-7",
        "topology.transfer_edges[0].to_bucket",
        lambda t, p: t["transfer_edges"][0].update(to_bucket="POINTS"),
    ),
    (
        "A7-7",
        "topology.transfer_edges[0].from_bucket",
        lambda t, p: t["transfer_edges"][0].update(from_bucket="POINTS"),
    ),
    (
        "A7-1",
        "policy.rolling.bonus.NOWHERE",
        lambda t, p: p["rolling"].setdefault("bonus", {}).update(NOWHERE="1"),
    ),
    *(
        (
            "A7-1",
            "policy.turnover.minimum_price",
            lambda t, p, price=price: p["turnover"].update(minimum_price=price),
        )
        for price in ("0.5", "1,5", "1e1", "-2", "", "1000001")
    ),
    (
        "A7-5",
        "policy.wins.winnings_of.LIVE",
        lambda t, p: p["wins"]["winnings_of"].update(LIVE="SPORTS_NORMAL"),
    ),
    (
        "A7-5",
        "policy.wins.winnings_of.LIVE",
        lambda t, p: p["wins"]["winnings_of"].update(LIVE="WITHDRAWABLE"),
    ),
    (
        "A7-3",
        "policy.wins.winnings_of.CHESS",
        lambda t, p: p["wins"]["winnings_of"].update(CHESS="SPORTS_NORMAL"),
    ),
    (
        "A7-3",
        "policy.wins.further_max.XXX",
        lambda t, p: p["wins"]["further_max"].update(XXX="1.00"),
    ),
    (
        "A7-3",
        "policy.wins.further_max.EUR",
        lambda t, p: p["wins"]["further_max"].update(EUR="1.001"),
    ),
    (
        "A7-3",
        "policy.funding.CHESS",
        lambda t, p: p["funding"].update(CHESS=p["funding"]["SPORTS"]),
    ),
    (
        "A7-7",
        "topology.transfer_edges[0].to_bucket",
        lambda t, p: t["transfer_edges"][0].update(to_bucket="NOWHERE"),
    ),
]


@pytest.mark.parametrize(
    ("rule", "path", "damage"), CASES, ids=[f"{rule} {path}" for rule, path, _ in CASES]
)
def test_a_broken_rule_is_named_with_its_path(
    rule: str, path: str, damage: Callable[[Document, Document], object]
) -> None:
    topology, policy = _seed()
    damage(topology, policy)
    found = validate_pair(read_topology(topology), read_policy(policy))
    assert (rule, path) in [(violation.rule, violation.path) for violation in found]


def test_no_limit_under_bonus_is_said() -> None:
    topology, policy = _seed()
    policy["funding"]["SPORTS"]["max_bet_under_bonus"] |= {"EUR": "none", "BTC": "none"}
    assert validate_pair(read_topology(topology), read_policy(policy)) == []


@pytest.mark.parametrize(
    "code", ["ruby_split", "RUBY SPLIT", " RUBY", "A/B", "1RUBY", "RÜBY", "", "A" * 65]
)
def test_a_code_is_an_upper_case_identifier(code: str) -> None:
    topology, policy = _seed()
    with pytest.raises(DocumentInvalid):
        read_topology(topology | {"code": code})
    with pytest.raises(DocumentInvalid):
        read_topology(topology | {"buckets": [topology["buckets"][0] | {"code": code}]})
    with pytest.raises(DocumentInvalid):
        read_policy(policy | {"topology": {"code": code, "version": 1}})


def test_all_broken_rules_are_reported_together() -> None:
    topology, policy = _seed()
    policy["topology"]["version"] = 9
    del policy["funding"]["LIVE"]
    policy["points_targets"] = ["SPORTS_BONUS"]
    found = validate_pair(read_topology(topology), read_policy(policy))
    assert {violation.rule for violation in found} == {"A7-2", "A7-3", "A7-6"}


@pytest.mark.parametrize("damage", [{"kind": "gold"}, {"colour": "red"}, {"code": 5}])
def test_structure_is_read_strictly(damage: Document) -> None:
    topology, _ = _seed()
    topology["buckets"][0].update(damage)
    with pytest.raises(DocumentInvalid, match=r"buckets\[0\]|colour"):
        read_topology(topology)


def test_a7_8_held_money_must_stay_reachable() -> None:
    document, _ = _seed()
    active = read_topology(document)
    held = LiveReference("RUBY_SPLIT_V1", "SPORTS_NORMAL", "balance", 3)
    assert validate_live_state(active, active, [held]) == []

    missing = read_topology(document | {"version": 3, "buckets": document["buckets"][1:]})
    assert [v.rule for v in validate_live_state(missing, active, [held])] == ["A7-8"]

    changed = [
        document["buckets"][0] | {"provider_types": ["SPORTS", "LIVE"]},
        *document["buckets"][1:],
    ]
    assert [
        v.path
        for v in validate_live_state(read_topology(document | {"buckets": changed}), active, [held])
    ] == ["topology.buckets[0]"]

    unified = read_topology(_seed("ruby_unified_v1.1.json")[0])
    assert [v.path for v in validate_live_state(unified, active, [held])] == ["topology.code"]
