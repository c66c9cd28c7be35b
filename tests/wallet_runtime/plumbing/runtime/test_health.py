"""The report of a copy and its `/health` answer can be encoded, also with a degraded check."""

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.control_link import Freeze
from wallet_runtime.plumbing.runtime.health import OK, Degraded, Health
from wallet_runtime.plumbing.runtime.loop import Loop


def health_of(found: str) -> Health:
    settings = SimpleNamespace(
        process="wallet_worker", copy=1, version="1", code="c", legacy_token_present=False
    )
    control = SimpleNamespace(check=lambda: OK, freeze=Freeze("open", 0))
    context = cast(Context, SimpleNamespace(settings=settings, control=control))
    health = Health(context, {"database": lambda given: OK, "publishing": lambda given: found}, ())
    health.poll()
    return health


@pytest.mark.parametrize(
    ("found", "status", "ready"),
    [(OK, OK, True), (Degraded("1 of 2"), "degraded", True), ("all", "failing", False)],
)
def test_every_verdict_can_be_written_down(found: str, status: str, ready: bool) -> None:
    health = health_of(found)
    answer: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(health.answer()))
    assert (answer["status"], answer["checks"]["publishing"]) == (status, found)
    report = health.report()
    assert (report.ready, msgspec.json.decode(msgspec.json.encode(report.detail))["status"]) == (
        ready,
        status,
    )


@pytest.mark.parametrize(
    ("names", "words"),
    [(("a", "a"), "two loops are named a"), (("a", "b"), "two loops have the check order")],
)
def test_a_loop_does_not_hide_another(names: tuple[str, str], words: str) -> None:
    loops = [Loop(name, lambda: 0, 1.0, 1.0, checks={"order": lambda: OK}) for name in names]
    with pytest.raises(ValueError, match=words):
        Health(cast(Context, SimpleNamespace()), {}, loops)
