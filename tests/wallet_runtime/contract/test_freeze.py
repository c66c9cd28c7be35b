"""The rule that judges which freeze is in force, for every disagreement of its sources (K2)."""

import pytest

from wallet_runtime.contract.freeze import CopySeen, Fence, Wanted, judge, patience_ms

WANTED = Wanted("ingress", 4)
SETTLED = Fence("ingress", 4, 4)
CONFIRMED = CopySeen("a", 100, 4, runs=True)


def test_all_three_agree() -> None:
    verdict = judge(WANTED, SETTLED, [CONFIRMED])
    assert (verdict.word, verdict.in_force, verdict.sentence) == (
        "ingress",
        True,
        "FROZEN (ingress)",
    )
    assert (verdict.confirmed, verdict.counted) == (1, 1)
    assert judge(Wanted("open", 1), Fence("open", 1, 1), [CopySeen("a", 0, 1)]).sentence == "open"


@pytest.mark.parametrize(
    ("wanted", "fence", "copies", "word"),
    [
        (None, SETTLED, [CONFIRMED], "unknown"),
        (WANTED, None, [CONFIRMED], "freezing"),
        (WANTED, Fence("open", 3, 3), [CONFIRMED], "freezing"),
        (WANTED, Fence("ingress", 4, 3), [CONFIRMED], "freezing"),
        (WANTED, SETTLED, [], "freezing"),
        (WANTED, SETTLED, [CONFIRMED, CopySeen("b", 100, 3, runs=True)], "freezing"),
        (WANTED, SETTLED, [CONFIRMED, CopySeen("b", 9_000, 3, runs=True)], "freezing"),
        (WANTED, SETTLED, [CONFIRMED, CopySeen("b", 9_000, 3, runs=None)], "freezing"),
        (WANTED, SETTLED, [CONFIRMED, CopySeen("b", None, None, runs=True)], "freezing"),
        (WANTED, SETTLED, [CONFIRMED, CopySeen("b", 100, 3, runs=False)], "freezing"),
        (Wanted("open", 5), SETTLED, [CONFIRMED], "thawing"),
        (Wanted("open", 5), Fence("sealed", 5, 5), [CopySeen("a", 1, 5)], "thawing"),
        (Wanted("ingress", 5), Fence("sealed", 4, 4), [CopySeen("a", 1, 5)], "freezing"),
        (Wanted("sealed", 4), SETTLED, [CONFIRMED], "freezing"),
    ],
)
def test_whatever_disagrees_is_never_in_force(
    wanted: Wanted | None, fence: Fence | None, copies: list[CopySeen], word: str
) -> None:
    verdict = judge(wanted, fence, copies)
    assert (verdict.word, verdict.in_force) == (word, False)
    assert verdict.missing


def test_a_stricter_row_that_was_never_lowered_is_said_as_it_is() -> None:
    verdict = judge(WANTED, Fence("sealed", 4, 4), [CONFIRMED])
    assert (verdict.word, verdict.in_force, verdict.sentence) == ("sealed", True, "FROZEN (sealed)")


@pytest.mark.parametrize(
    "gone",
    [
        CopySeen("b", 9_000, 3, runs=False),
        CopySeen("b", 61_000, 3, runs=None),
        CopySeen("b", None, None, runs=False),
        CopySeen("b", 9_000, 4, runs=True),
    ],
)
def test_a_copy_that_is_gone_or_has_confirmed_is_not_waited_for(gone: CopySeen) -> None:
    assert judge(WANTED, SETTLED, [CONFIRMED, gone]).in_force


def test_money_commands_get_a_turn_between_two_long_waits() -> None:
    assert [patience_ms(tries) for tries in range(8)] == [250, 250, 250, 2_500] * 2
