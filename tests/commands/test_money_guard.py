"""The money guard reports the first broken invariant, and freezes ingress if one has failed."""

from collections.abc import Callable

import pytest

from commands._money_guard import MONEY_CHECKS, REASON_LENGTH_MAX, MoneyGuard
from rubyops.effects.freeze import RaiseFreeze
from rubyops.model.finding import Finding, failed, inconclusive, passed
from wallet_runtime.contract.freeze import INGRESS, OPEN, SEALED


def guard(
    finding: Callable[[str], Finding], *, money: bool = True, level: str = OPEN
) -> MoneyGuard:
    return MoneyGuard(lambda: money, finding, lambda: level)


def only(name: str, finding: Finding) -> Callable[[str], Finding]:
    return lambda asked: finding if asked == name else passed("fine")


def test_money_that_agrees_breaks_nothing() -> None:
    assert guard(lambda name: passed("fine")).first_broken() is None


@pytest.mark.parametrize("name", MONEY_CHECKS)
def test_each_invariant_is_asked(name: str) -> None:
    broken = failed("1 off")
    assert guard(only(name, broken)).first_broken() == (name, broken)


def test_an_invariant_that_cannot_be_looked_at_does_not_hold() -> None:
    doubt = inconclusive("nobody answers")
    assert guard(only("conservation", doubt)).first_broken() == ("conservation", doubt)


def test_where_there_is_no_money_nothing_is_asked() -> None:
    def asked(name: str) -> Finding:
        raise AssertionError(f"{name} was asked")

    assert guard(asked, money=False).first_broken() is None


def test_a_broken_invariant_freezes_ingress_and_says_why() -> None:
    brake = guard(lambda name: passed("fine")).brake("conservation", failed("x" * 400))
    assert isinstance(brake, RaiseFreeze) and brake.level == INGRESS
    assert brake.reason.startswith("conservation: xxx")
    assert len(brake.reason) == REASON_LENGTH_MAX


@pytest.mark.parametrize("level", [INGRESS, SEALED])
def test_a_freeze_that_is_in_force_is_not_raised_again(level: str) -> None:
    assert guard(lambda name: passed("fine"), level=level).brake("x", failed("1 off")) is None


def test_a_doubt_freezes_nothing() -> None:
    assert guard(lambda name: passed("fine")).brake("x", inconclusive("nobody answers")) is None
