"""wallet_service over HTTP, as admin_service calls it to save and activate documents."""

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

import httpx
import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import internal, serving
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.api import SERVICE

Document = dict[str, Any]
CODE = "RUBY_SPLIT_V1"
NEXT = 7


def next_pair() -> tuple[Document, Document]:
    """Return the topology and the policy of the active pair, both as version 7."""
    pair = json.loads(
        resources.files("wallet_runtime.wallet")
        .joinpath("seeds", "ruby_split_v1.1.json")
        .read_text()
    )
    topology, policy = pair["topology"] | {"version": NEXT}, pair["policy"] | {"version": NEXT}
    return topology, policy | {"topology": {"code": CODE, "version": NEXT}}


class Office:
    """wallet_service, called as admin_service calls it, and the documents in its database."""

    def __init__(
        self, client: httpx.Client, look: psycopg.Connection, platform: TestDatabase
    ) -> None:
        """Start to count requests, because each needs an id of its own."""
        self.client, self.look, self.platform, self.count = client, look, platform, 0

    def send(self, method: str, path: str, body: Document | None = None) -> httpx.Response:
        self.count += 1
        headers = internal("admin_service", request_id=f"office-{self.count}")
        return self.client.request(method, f"/internal/wallet/{path}", json=body, headers=headers)

    def activate(
        self, topology: Document, policy: Document, version: int | None = NEXT
    ) -> httpx.Response:
        """Save the topology and activate it with the policy; return the second answer."""
        saved = self.send("PUT", f"topology/{topology['code']}", topology)
        assert saved.status_code == 200, saved.text
        start = {"topology_code": CODE, "topology_version": 1}
        return self.send(
            "PUT",
            f"topology/{topology['code']}/activate",
            {"version": version, "policy_document": policy, "from": start},
        )

    def stored(self) -> list[Any]:
        """Return all rows that an activation could change."""
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


def violations_of(refusal: httpx.Response) -> list[tuple[str, str]]:
    """Return the (rule, path) pairs that a refusal names."""
    return [
        (violation["rule"], violation["path"])
        for violation in refusal.json()["details"]["violations"]
    ]
