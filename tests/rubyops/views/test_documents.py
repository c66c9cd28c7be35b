"""The views of topology and policy documents, from the answers of wallet_service."""

from collections.abc import Mapping
from typing import Any

import pytest

from rubyops.errors import RubyopsError, Unreachable, UsageError
from rubyops.ports import HttpAnswer
from rubyops.testing.reading import MemoryRead
from rubyops.views.diff import read_diff
from rubyops.views.documents import read_documents, validate
from wallet_runtime.contract.processes import WALLET_SERVICE

SAVED = {
    "facts_topologies": [{"code": "SPLIT", "version": 1, "state": "ACTIVE"}],
    "facts_policies": [
        {
            "policy_key": "default",
            "version": 2,
            "topology_code": "SPLIT",
            "topology_version": 1,
            "state": "DRAFT",
        }
    ],
}
VERSIONS = {
    "versions": [
        {"version": 1, "document": {"a": 1, "b": 2}},
        {"version": 2, "document": {"b": 2, "a": 3}},
    ]
}
BROKEN = {"rule": "buckets", "path": "buckets", "message": "there is none"}


def reading(path: str, status: int, body: object) -> MemoryRead:
    answer = HttpAnswer(status, body)
    return MemoryRead(SAVED, answers={(WALLET_SERVICE, 1, f"/internal/wallet/{path}"): answer})


def test_saved_versions_are_listed_beside_the_active_document() -> None:
    view = read_documents(reading("topology/active", 200, {"code": "SPLIT"}), "topology")
    (item,) = view.results
    assert (view.schema, view.beside) == ("rubyops.topology/v1", {"active": {"code": "SPLIT"}})
    assert (item.id, item.title, item.summary) == ("SPLIT/1", "SPLIT v1", "ACTIVE")
    view = read_documents(reading("policy/active", 200, {"default": {}}), "policy")
    assert (view.schema, view.results[0].id) == ("rubyops.policy/v1", "default/2")


@pytest.mark.parametrize("status", [404, 409, 503])
def test_nothing_active_is_no_error(status: int) -> None:
    assert read_documents(reading("topology/active", status, {}), "topology").active == {}


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (0, Unreachable, "wallet_service does not answer"),
        (500, RubyopsError, "wallet_service answered 500"),
    ],
)
def test_another_answer_is_an_error(status: int, error: type[RubyopsError], words: str) -> None:
    with pytest.raises(error, match=words):
        read_documents(reading("topology/active", status, {}), "topology")


def test_each_broken_rule_is_told_and_what_was_not_given_is_not_sent() -> None:
    sent: list[Mapping[str, object]] = []

    def ask(process: str, path: str, body: Mapping[str, object]) -> HttpAnswer:
        sent.append(body)
        return HttpAnswer(200, {"violations": [BROKEN, "in words"]})

    view = validate(ask, {"code": "SPLIT"}, None)
    assert sent == [{"topology_document": {"code": "SPLIT"}}]
    assert [item.summary for item in view.results] == [
        "buckets buckets there is none",
        "in words",
    ]
    assert (view.verdict, view.sentence) == ("failed", "2 x a rule is broken")


def test_a_document_without_a_broken_rule_is_valid() -> None:
    view = validate(lambda process, path, body: HttpAnswer(200, {"violations": []}), {}, {})
    assert (view.verdict, view.sentence, view.results) == ("ok", "valid", ())


def compared(old: int, new: int, status: int = 200, body: Any = None) -> Any:
    read = reading("topology/SPLIT", status, VERSIONS if body is None else body)
    return read_diff(read, "topology", "SPLIT", old, new)


def test_two_versions_differ_in_lines_whatever_their_order() -> None:
    view = compared(1, 2)
    assert view.summary == "2 lines differ"
    assert view.lines[:2] == ("--- SPLIT v1", "+++ SPLIT v2")
    assert '+  "a": 3,' in view.lines
    assert (view.results[0].id, view.results[0].details.diff) == ("SPLIT/1/2", view.lines)


def test_equal_versions_are_told_as_equal() -> None:
    assert (compared(1, 1).lines, compared(1, 1).summary) == ((), "the two versions are equal")


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (200, None, UsageError, r"v3 is not saved here \(saved: v1, v2\)"),
        (404, {}, UsageError, "no version of topology 'SPLIT' is saved"),
        (200, {"other": 1}, RubyopsError, "wallet_service answered 200"),
    ],
)
def test_a_version_that_is_not_saved_is_named(
    status: int, body: Any, error: type[RubyopsError], words: str
) -> None:
    with pytest.raises(error, match=words):
        compared(1, 3, status, body)
