"""The structure of documents.

Validation names every fault, and the published schemas equal those of the code.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.wallet_runtime.wallet.domain.test_validation import SEEDS, _seed
from wallet_runtime.wallet.domain.documents import (
    DocumentInvalid,
    Policy,
    Topology,
    published_schema,
    read_policy,
    read_topology,
)
from wallet_runtime.wallet.domain.structure import faults
from wallet_runtime.wallet.domain.validation import validate_documents

SCHEMAS = Path(__file__).parents[4] / "docs" / "schemas"


@pytest.mark.parametrize("kind", [Topology, Policy])
def test_the_published_schema_is_the_codes(kind: type[Topology] | type[Policy]) -> None:
    published = json.loads(
        (SCHEMAS / f"{kind.__name__.lower()}.schema.json").read_text(encoding="utf-8")
    )
    assert published == json.loads(json.dumps(published_schema(kind))), (
        "the structure has changed: publish it anew"
    )


@pytest.mark.parametrize("name", SEEDS)
def test_a_seed_has_no_fault(name: str) -> None:
    topology, policy = _seed(name)
    assert [*faults(topology, Topology), *faults(policy, Policy)] == []


def test_every_fault_of_structure_is_told_with_its_path() -> None:
    topology, policy = _seed()
    topology["buckets"][0]["kind"] = "gold"
    topology["buckets"][1]["colour"] = "red"
    topology["buckets"][2]["provider_types"] = ["SPORTS", "DICE"]
    del topology["version"]
    topology["transfer_edges"] = {}
    policy["funding"]["SPORTS"]["mode"] = 5
    policy["destinations"] = []
    policy["coupons"] = {"rolling": {"everywhere": "1"}}
    found, violations = validate_documents(topology, policy)
    assert found is None
    assert {violation.rule for violation in violations} == {"A7-1"}
    assert sorted(violation.path for violation in violations) == [
        "policy.coupons.rolling.everywhere",
        "policy.destinations",
        "policy.funding.SPORTS.mode",
        "topology.buckets[0].kind",
        "topology.buckets[1].colour",
        "topology.buckets[2].provider_types[1]",
        "topology.transfer_edges",
        "topology.version",
    ]


def test_rules_of_the_topology_are_told_beside_faults_of_the_policy() -> None:
    topology, policy = _seed()
    topology["transfer_edges"][0]["to_bucket"] = "NOWHERE"
    policy["version"] = "one"
    violations = validate_documents(topology, policy)[1]
    assert [(v.rule, v.path) for v in violations] == [
        ("A7-1", "policy.version"),
        ("A7-7", "topology.transfer_edges[0].to_bucket"),
    ]


@pytest.mark.parametrize("document", [None, [], "text", 5, {}])
def test_anything_at_all_may_be_sent(document: Any) -> None:
    for read in (read_topology, read_policy):
        with pytest.raises(DocumentInvalid) as error:
            read(document)
        assert error.value.faults
