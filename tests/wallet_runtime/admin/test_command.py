"""A command needs an idempotency key, used once per route; repeats get the first answer.

SPEC 1.3.
"""

from typing import Any

import httpx
import psycopg
import pytest

from tests.wallet_runtime.admin.test_api import ADMIN, Office, office
from tests.wallet_runtime.serving import BRAND, PLAYER
from wallet_runtime.admin.api import SERVICE
from wallet_runtime.plumbing.errors import PassedThrough
from wallet_runtime.plumbing.http.app import Answer

__all__ = ["office"]
AWARD = {"player_id": str(PLAYER), "points": "5", "reference": "promo1"}
ROUTE = "/internal/wallet/v2/points/award"
AUDIT = "SELECT audit_id, actor, repeats, status, code FROM admin.command_audit ORDER BY 1"
BOB = {"Authorization": "Bearer token-of-bob"}
# A valid body for each changing route; a route that is not listed takes any JSON object.
BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/topology/{code}/activate": {"version": 1},
    "/api/v1/finance/withdrawals/{transaction_id}/review": {"action": "approve"},
}
# This route validates documents and changes nothing.
READS = {"/api/v1/topology/validate"}
CHANGING = [route for route in SERVICE.routes if route.method != "GET" and route.path not in READS]


def award(office: Office, key: str = "k1", **more: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} | {
        name: more.pop(name) for name in ("Authorization", "X-Brand-Id") if name in more
    }
    return office.send("POST", "points/award", AWARD | more, **headers)


def audit(office: Office) -> list[tuple[Any, ...]]:
    with psycopg.connect(office.superuser_dsn) as connection:
        return connection.execute(AUDIT.encode()).fetchall()


@pytest.mark.parametrize("route", CHANGING, ids=lambda route: f"{route.method} {route.path}")
def test_every_command_needs_the_persons_key(office: Office, route: Any) -> None:
    path = route.path.format(
        code="RUBY_SPLIT_V1", policy_key="default", transaction_id=PLAYER, dead_letter_id=1
    )
    answer = office.admin.client.request(
        route.method, path, json=BODIES.get(route.path, {}), headers=ADMIN
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "IDEMPOTENCY_KEY_REQUIRED")
    assert [
        call for call in office.wallet.calls if call.route != "/internal/wallet/topology/active"
    ] == []
    assert audit(office) == []


def test_a_repeat_gets_the_first_answer_and_is_not_sent_on(office: Office) -> None:
    office.wallet.answers[ROUTE] = Answer(200, b'{"transaction_id": "t1", "held": "5"}')
    first = award(office)
    office.wallet.answers[ROUTE] = Answer(200, b'{"transaction_id": "t2", "held": "10"}')
    again = award(office)
    assert (
        (again.status_code, again.json())
        == (200, first.json())
        == (200, {"transaction_id": "t1", "held": "5"})
    )
    assert len(office.wallet.calls) == 1
    assert [row[1:] for row in audit(office)] == [
        ("ann", None, 200, None),
        ("ann", audit(office)[0][0], 200, None),
    ]


def test_a_key_used_for_something_else_is_refused(office: Office) -> None:
    assert award(office).status_code == 200
    others = [
        award(office, points="6"),
        office.send("POST", "points/award", {}, **{"Idempotency-Key": "k1"}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in others] == [
        (409, "IDEMPOTENCY_PAYLOAD_MISMATCH")
    ] * 2
    assert len(office.wallet.calls) == 1
    assert [row[4] for row in audit(office)] == [
        None,
        "IDEMPOTENCY_PAYLOAD_MISMATCH",
        "IDEMPOTENCY_PAYLOAD_MISMATCH",
    ]


def test_one_key_does_not_review_two_withdrawals_or_one_in_two_ways(office: Office) -> None:
    key = {"Idempotency-Key": "k1"}
    assert (
        office.send(
            "POST", f"finance/withdrawals/{PLAYER}/review", {"action": "approve"}, **key
        ).status_code
        == 200
    )
    for transaction, action in ((BRAND, "approve"), (PLAYER, "reject")):
        answer = office.send(
            "POST",
            f"finance/withdrawals/{transaction}/review",
            {"action": action, "reason": "no"},
            **key,
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "IDEMPOTENCY_PAYLOAD_MISMATCH")
    assert len(office.wallet.calls) == 1


def test_a_key_belongs_to_a_person_a_brand_and_a_route(office: Office) -> None:
    assert award(office).status_code == 200
    assert award(office, **BOB).status_code == 200
    assert award(office, **{"X-Brand-Id": str(PLAYER)}).status_code == 200
    assert (
        office.send("POST", "points/expire", AWARD, **{"Idempotency-Key": "k1"}).status_code == 200
    )
    sent = [
        (call.route.rpartition("/")[2], call.request_id, call.brand_id)
        for call in office.wallet.calls
    ]
    assert sent == [
        ("award", "ann.k1", BRAND),
        ("award", "bob.k1", BRAND),
        ("award", "ann.k1", PLAYER),
        ("expire", "ann.k1", BRAND),
    ]
    assert [row[2] for row in audit(office)] == [None] * 4


@pytest.mark.parametrize(
    "lost",
    [
        PassedThrough(504, "OUTCOME_UNKNOWN", "no answer came", details={}),
        PassedThrough(503, "BUSY", "later", details={}),
        PassedThrough(409, "IDEMPOTENCY_IN_FLIGHT", "now", details={}),
        PassedThrough(422, "INVALID", "no", details={}),
        PassedThrough(404, "PLAYER_NOT_FOUND", "no", details={}),
    ],
    ids=lambda error: error.code,
)
def test_a_command_without_a_final_answer_is_sent_again_under_the_same_id(
    office: Office, lost: PassedThrough
) -> None:
    office.wallet.answers[ROUTE] = lost
    assert award(office).status_code >= 400
    del office.wallet.answers[ROUTE]
    assert award(office).status_code == 200
    assert [call.request_id for call in office.wallet.calls] == ["ann.k1", "ann.k1"]
    assert award(office).status_code == 200
    assert len(office.wallet.calls) == 2


def test_a_repeat_is_not_judged_by_what_is_active_now(office: Office) -> None:
    key = {"Idempotency-Key": "k1"}
    path, body = "topology/RUBY_SPLIT_V1/activate", {"version": 1}
    first = office.send("PUT", path, body, **key)
    office.wallet.answers["/internal/wallet/topology/active"] = Answer(
        200, {"topology_code": "RUBY_SPLIT_V1", "topology_version": 2}
    )
    again = office.send("PUT", path, body, **key)
    assert (again.status_code, again.json()) == (200, first.json())


def test_a_refusal_is_kept_and_repeated(office: Office) -> None:
    office.wallet.answers[ROUTE] = PassedThrough(
        409, "REFERENCE_USED", "used", details={"transaction_id": "t1"}
    )
    first = award(office).json()
    del office.wallet.answers[ROUTE]
    again = award(office)
    assert (again.status_code, again.json()) == (409, first)
    assert len(office.wallet.calls) == 1
    assert [row[3:] for row in audit(office)] == [(409, "REFERENCE_USED")] * 2


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM admin.command_claim",
        "UPDATE admin.command_claim SET payload_sha256 = ''",
        "UPDATE admin.command_claim SET audit_id = 1",
        "TRUNCATE admin.command_claim",
    ],
)
def test_the_service_cannot_free_a_key(office: Office, statement: str) -> None:
    assert award(office).status_code == 200
    with (
        psycopg.connect(office.admin.context.settings.database_url.reveal().decode()) as service,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        service.execute(statement.encode())
