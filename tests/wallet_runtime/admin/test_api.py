"""The back office: every command leaves its audit row, and the wallet decides."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import BRAND, PLAYER, FarService, Served, serving
from wallet_runtime.admin.api import SERVICE, discard_routes
from wallet_runtime.contract.consumers import WALLET_CONSUMERS, Consumer
from wallet_runtime.contract.persons import key_id_of
from wallet_runtime.contract.processes import ROLLING_SERVICE, WALLET_SERVICE
from wallet_runtime.plumbing.errors import PassedThrough
from wallet_runtime.plumbing.http.app import Answer

ADMIN = {"Authorization": "Bearer admin-token", "X-Brand-Id": str(BRAND)}
ACTIVE = Answer(200, {"topology_code": "RUBY_SPLIT_V1", "topology_version": 1})


@dataclass
class Office:
    """The admin service, a stub of the wallet behind it, and access to the audit rows."""

    admin: Served
    wallet: FarService
    superuser_dsn: str
    keys: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def send(
        self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str
    ) -> httpx.Response:
        """Send as the person Ann, under a new key unless `headers` has one."""
        key = {"Idempotency-Key": f"q{next(self.keys)}"}
        return self.admin.client.request(
            method, f"/api/v1/{path}", json=body, headers={**ADMIN, **key, **headers}
        )

    def audit(self) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.superuser_dsn) as connection:
            return connection.execute(
                "SELECT command, target, reason, status, code FROM admin.command_audit ORDER BY"
                " audit_id"
            ).fetchall()

    def actors(self) -> list[str]:
        """The persons who sent commands, oldest first."""
        with psycopg.connect(self.superuser_dsn) as connection:
            return [
                str(row[0])
                for row in connection.execute(
                    "SELECT actor FROM admin.command_audit ORDER BY audit_id"
                )
            ]


@pytest.fixture
def office(platform_db: TestDatabase) -> Iterator[Office]:
    wallet = FarService(WALLET_SERVICE, {"/internal/wallet/topology/active": ACTIVE})
    with (
        serving(wallet.service()) as far,
        serving(
            SERVICE, platform_db, WALLET_SERVICE_URL=str(far.client.base_url).rstrip("/")
        ) as admin,
    ):
        yield Office(admin, wallet, platform_db.superuser_dsn)


@pytest.mark.parametrize(
    "value",
    [
        "Bearer wrong",
        "Bearer admin-token2",
        "Bearer Admin-Token",
        "Bearer t\xfcrk",
        "admin-token",
        "Basic admin-token",
        "Bearer",
    ],
)
def test_without_the_bearer_token_nobody_gets_in(office: Office, value: str) -> None:
    headers = [(b"Authorization", value.encode("latin-1"))]
    assert (
        office.admin.client.get("/api/v1/topology/RUBY_SPLIT_V1", headers=headers).status_code
        == 401
    )
    assert not office.wallet.calls


def test_documents_are_passed_on_and_audited(office: Office) -> None:
    for kind, code in (("topology", "RUBY_SPLIT_V1"), ("policy", "default")):
        assert office.send("GET", f"{kind}/{code}").status_code == 200
        assert office.send("PUT", f"{kind}/{code}", {"version": 3}).status_code == 200
        assert office.wallet.calls[-1].body == {"version": 3}
    assert [row[0] for row in office.audit()] == ["topology.save", "policy.save"]


@pytest.mark.parametrize("path", ["topology", "policy", "activations"])
def test_lists_and_history_are_passed_on_without_an_audit_row(office: Office, path: str) -> None:
    assert office.send("GET", path).status_code == 200
    assert office.wallet.calls[-1].route == f"/internal/wallet/{path}"
    assert not office.audit()


def test_validation_and_differences_are_passed_on_without_an_audit_row(office: Office) -> None:
    body = {"topology_document": {"code": "X"}}
    assert office.send("POST", "topology/validate", body).status_code == 200
    assert (office.wallet.calls[-1].route, office.wallet.calls[-1].body) == (
        "/internal/wallet/topology/validate",
        body,
    )
    for kind, name in (("topology", "code"), ("policy", "policy_key")):
        assert office.send("GET", f"{kind}/default/diff/1/2").status_code == 200
        assert office.wallet.calls[-1].path == {name: "default", "old": "1", "new": "2"}
    assert not office.audit()


def test_a_policy_is_activated_alone_and_audited(office: Office) -> None:
    assert office.send("PUT", "policy/default/activate", {"version": 3}).status_code == 200
    assert office.wallet.calls[-1].body == {"version": 3}
    assert [row[:2] for row in office.audit()] == [
        ("policy.activate", "/internal/wallet/policy/default/activate")
    ]


def test_a_new_topology_version_needs_its_policy_document(office: Office) -> None:
    refusal = office.send("PUT", "topology/RUBY_SPLIT_V1/activate", {"version": 2})
    assert (refusal.status_code, refusal.json()["code"], refusal.json()["details"]["rule"]) == (
        422,
        "POLICY_DOCUMENT_REQUIRED",
        "A7-12",
    )
    body = {
        "version": 2,
        "policy_document": {"policy_key": "default"},
        "from": {"topology_code": "RUBY_SPLIT_V1", "topology_version": 1},
    }
    assert office.send("PUT", "topology/RUBY_SPLIT_V1/activate", body).status_code == 200
    assert office.wallet.calls[-1].body == body
    assert office.send("PUT", "topology/RUBY_SPLIT_V1/activate", {"version": 1}).status_code == 200


def test_where_nothing_is_active_a_policy_document_is_needed(office: Office) -> None:
    office.wallet.answers["/internal/wallet/topology/active"] = PassedThrough(
        404, "NO_ACTIVE_TOPOLOGY", "none", details={}
    )
    assert (
        office.send("PUT", "topology/RUBY_SPLIT_V1/activate", {"version": 1}).json()["code"]
        == "POLICY_DOCUMENT_REQUIRED"
    )


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_a_review_is_sent_on_with_its_reason(office: Office, action: str) -> None:
    assert (
        office.send(
            "POST", f"finance/withdrawals/{PLAYER}/review", {"action": action, "reason": "seen"}
        ).status_code
        == 200
    )
    call = office.wallet.calls[-1]
    assert (call.route, call.body) == (
        f"/internal/wallet/v2/withdrawals/{action}",
        {"transaction_id": str(PLAYER), "reason": "seen"},
    )
    assert (call.request_id, call.brand_id) == ("ann.q1", BRAND)
    assert office.audit() == [(f"withdrawal.{action}", str(PLAYER), "seen", 200, None)]


@pytest.mark.parametrize(
    ("transaction", "body", "expected"),
    [
        (str(PLAYER), {"action": "maybe", "reason": "x"}, (400, "INVALID_ACTION")),
        (str(PLAYER), {"action": "reject"}, (400, "REASON_REQUIRED")),
        (str(PLAYER), {"action": "reject", "reason": "  "}, (400, "REASON_REQUIRED")),
        ("no-uuid", {"action": "approve"}, (404, "TX_NOT_FOUND")),
        (str(PLAYER), {"action": 1}, (422, "INVALID")),
    ],
)
def test_a_review_that_is_not_valid_is_sent_nowhere(
    office: Office, transaction: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    answer = office.send("POST", f"finance/withdrawals/{transaction}/review", body)
    assert (answer.status_code, answer.json()["code"]) == expected
    assert not office.wallet.calls
    assert not office.audit()


def test_a_refusal_of_the_wallet_is_audited_and_passed_on(office: Office) -> None:
    refusal = PassedThrough(
        409, "ILLEGAL_TRANSACTION_STATE_TRANSITION", "no", details={"from_state": "paid"}
    )
    office.wallet.answers["/internal/wallet/v2/withdrawals/mark-paid"] = refusal
    answer = office.send("POST", f"finance/withdrawals/{PLAYER}/mark-paid", {})
    assert (answer.status_code, answer.json()["details"]) == (409, {"from_state": "paid"})
    assert office.audit() == [
        ("withdrawal.mark-paid", str(PLAYER), None, 409, "ILLEGAL_TRANSACTION_STATE_TRANSITION")
    ]


def test_a_path_part_stays_one_part(office: Office) -> None:
    assert office.send("GET", "topology/a%3Fb").status_code == 200
    assert office.wallet.calls[-1].path == {"code": "a?b"}


@pytest.mark.parametrize("part", ["%2e", "%2e%2e", "%2E."])
def test_a_dot_part_names_nothing(office: Office, part: str) -> None:
    for path in (
        f"policy/{part}",
        f"topology/{part}/diff/1/2",
        f"topology/RUBY_SPLIT_V1/diff/{part}/2",
    ):
        assert office.send("GET", path).status_code == 404
    assert office.send("PUT", f"policy/{part}", {}).status_code == 404
    assert not office.wallet.calls


@pytest.mark.parametrize("reason", ["a\u001b[2Jb", "two\nlines", "right\u202eleft", "\u007f"])
def test_a_reason_that_would_act_on_a_terminal_is_refused(office: Office, reason: str) -> None:
    body = {"action": "reject", "reason": reason}
    assert office.send("POST", f"finance/withdrawals/{PLAYER}/review", body).status_code == 422
    assert not office.wallet.calls


def test_the_audit_cannot_be_rewritten_by_its_service(platform_db: TestDatabase) -> None:
    with psycopg.connect(platform_db.dsn("admin_service")) as connection:
        for statement in (
            b"DELETE FROM admin.command_audit",
            b"UPDATE admin.command_audit SET actor = 'x'",
            b"TRUNCATE admin.command_audit",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(statement)


@pytest.mark.parametrize("path", ["bonuses/issue", "bonuses/expire", "points/award"])
def test_movements_are_sent_on_with_their_reason_and_audited(office: Office, path: str) -> None:
    body = {"player_id": str(PLAYER), "amount": "5.00", "reason": "found twice"}
    assert office.send("POST", path, body).status_code == 200
    call = office.wallet.calls[-1]
    assert (call.route, call.body, call.brand_id) == (f"/internal/wallet/v2/{path}", body, BRAND)
    assert office.audit() == [(path.replace("/", "."), str(PLAYER), "found twice", 200, None)]


def test_another_consumer_has_paths_of_its_own() -> None:
    another = Consumer("another", "another_group", "another_worker", "another_service")
    step = "dead-letters/{dead_letter_id}/discard"
    for consumer, prefix in ((WALLET_CONSUMERS["rolling"], ""), (another, "another/")):
        paths = [route.path for route in discard_routes(consumer)]
        assert paths == [f"/api/v1/{prefix}{step}", f"/api/v1/{prefix}{step}/confirm"]


def test_a_discard_of_a_dead_letter_is_signed_for_its_person_and_audited(
    platform_db: TestDatabase,
) -> None:
    far = FarService(ROLLING_SERVICE)
    with serving(far.service()) as rolling:
        url = str(rolling.client.base_url).rstrip("/")
        with serving(SERVICE, platform_db, ROLLING_SERVICE_URL=url) as admin:
            office = Office(admin, far, platform_db.superuser_dsn)
            assert office.send("POST", "dead-letters/7/discard", {"reason": " "}).status_code == 422
            assert (
                office.send("POST", "dead-letters/7/discard", {"reason": "no bet"}).status_code
                == 200
            )
            assert (
                office.send(
                    "POST", "dead-letters/7/discard/confirm", Authorization="Bearer token-of-bob"
                ).status_code
                == 200
            )
            asked, confirmed = far.calls
            assert (asked.path["dead_letter_id"], asked.body, asked.signed_person().name) == (
                "7",
                {"reason": "no bet"},
                "ann",
            )
            assert (confirmed.path["dead_letter_id"], confirmed.signed_person().name) == (
                "7",
                "bob",
            )
            assert office.audit() == [
                ("dead-letter.discard", "7", "no bet", 200, None),
                ("dead-letter.discard.confirm", "7", None, 200, None),
            ]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("adjustments/request", "requested_by"),
        ("adjustments/approve", "decided_by"),
        ("adjustments/reject", "decided_by"),
    ],
)
def test_the_person_of_an_adjustment_is_whose_token_it_is(
    office: Office, path: str, field: str
) -> None:
    body = {"player_id": str(PLAYER), "reason": "found twice"}
    assert office.send("POST", path, body, Authorization="Bearer token-of-bob").status_code == 200
    call = office.wallet.calls[-1]
    assert (call.body, call.signed_person().name) == (body, "bob")
    assert call.signed_person().key_id == key_id_of(b"token-of-bob")
    claimed = office.send("POST", path, body | {field: "cleo"}, Authorization="Bearer token-of-bob")
    assert (claimed.status_code, claimed.json()["details"]) == (422, {"field": field})
    assert office.actors() == ["bob"], "what is refused here was never sent"


def test_a_failed_payout_is_sent_on(office: Office) -> None:
    assert (
        office.send(
            "POST", f"finance/withdrawals/{PLAYER}/payout-failed", {"reason": "bank says no"}
        ).status_code
        == 200
    )
    assert office.audit() == [("withdrawal.payout-failed", str(PLAYER), "bank says no", 200, None)]
