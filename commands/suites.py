"""Run the unit and contract suites of this checkout and keep their result (LOC-6).

When: on a local rollout, before money moves. Blast radius: none; the tests start their own servers.
Undo: not needed. Suites that passed for this commit and the same uncommitted changes are skipped.
"""

from dataclasses import dataclass
from typing import Any

from rubyops.effects.suites import RunSuites
from rubyops.model.recorded import SUITES as RECORDED
from rubyops.model.recorded import UNKNOWN_COMMIT, short_commit
from rubyops.model.step import Command, NoOp, Planned, option
from rubyops.ports import Read

_WALLET = "tests/wallet_runtime/wallet"

# The suites that the runbook requires, each with its test files. The coupon saga has suites in the
# wallet and in rolling.
SUITES: dict[str, tuple[str, ...]] = {
    "topology": (
        f"{_WALLET}/domain/test_structure.py",
        f"{_WALLET}/domain/test_validation.py",
        f"{_WALLET}/test_documents.py",
        f"{_WALLET}/test_document_versions.py",
    ),
    "policy engine": (
        f"{_WALLET}/domain/test_funding.py",
        f"{_WALLET}/domain/test_bets.py",
        f"{_WALLET}/domain/test_choices.py",
    ),
    "wallet API": (
        f"{_WALLET}/test_movements_api.py",
        f"{_WALLET}/test_coupons_api.py",
        f"{_WALLET}/test_choices.py",
    ),
    "rolling attribution": (
        "tests/wallet_runtime/rolling/test_domain.py",
        "tests/wallet_runtime/test_turnover_of_movements.py",
    ),
    "points credit": (f"{_WALLET}/domain/test_points.py",),
    "coupon saga": (f"{_WALLET}/domain/test_coupons.py", f"{_WALLET}/test_coupons.py"),
    "gateway split-balance routes": (
        "tests/wallet_runtime/gateway/test_api.py",
        "tests/wallet_runtime/gateway/test_credentials.py",
    ),
    "admin validation and topology routes": ("tests/wallet_runtime/admin/test_api.py",),
}


@dataclass(frozen=True)
class Params:
    """Whether to run suites again that passed for this commit."""

    again: bool = option("run the suites also where they passed for this very commit", False)


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan to run the suites, or do nothing when all passed for this commit."""
    result, commit = read.results(RECORDED).result, read.environment.commit
    tests = 0 if result is None else _passed_tests(result)
    if result is None or not tests or params.again or commit == UNKNOWN_COMMIT:
        return Planned((RunSuites(SUITES),), {})
    named = f"for commit {short_commit(commit)} at {result['recorded_at']}"
    return NoOp(f"{tests} tests of {len(SUITES)} suites passed {named}: {', '.join(SUITES)}")


def _passed_tests(result: dict[str, Any]) -> int:
    """Return the number of passed tests, or 0 if a suite failed or has no passed test."""
    suites = dict(result.get("suites") or {})
    counts = {name: int(figures.get("passed") or 0) for name, figures in suites.items()}
    is_whole = set(counts) == set(SUITES) and all(counts.values())
    return sum(counts.values()) if result["passed"] and is_whole else 0


COMMAND = Command("suites", Params, plan, guard_money=False)
