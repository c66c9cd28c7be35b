"""Run the test suites of the checkout."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rubyops.effects.base import Effect, EffectContext, Outcome, Traits
from rubyops.errors import CheckFailed
from rubyops.ports import Row


class SuitesPort(Protocol):
    """Runs test files on separate servers, and stores the result."""

    def run(
        self, suites: Mapping[str, Sequence[str]], while_waiting: Callable[[], None]
    ) -> dict[str, Row]:
        """Run the files; return {passed, failed, skipped, failures} by suite. Raises `TimedOut`."""


@dataclass(frozen=True)
class RunSuites(Effect[SuitesPort]):
    """Run test suites of the checkout; `suites` maps the name of a suite to its files."""

    suites: dict[str, tuple[str, ...]]

    traits = Traits(read_only=True, mild=True)

    def describe(self) -> str:
        """Name the suites."""
        names = ", ".join(self.suites)
        return f"run {len(self.suites)} test suites on servers of their own: {names}"

    def carry_out(self, port: SuitesPort, context: EffectContext) -> Outcome:
        """Run the suites. Raises `CheckFailed` with every failure."""
        began = time.monotonic()
        figures = port.run(self.suites, context.may_go_on)
        seconds = round(time.monotonic() - began, 1)
        details: dict[str, object] = {"suites": figures, "seconds": seconds}
        broken = _broken(figures)
        if broken:
            counted = f"{len(broken)} of {len(figures)} suites failed"
            raise CheckFailed(f"{counted}: {'; '.join(broken)}", details=details)
        return Outcome("ok", _passed(figures), details)


def _broken(figures: Mapping[str, Row]) -> list[str]:
    return [
        f"{name}: {', '.join(row['failures'])}" for name, row in figures.items() if row["failures"]
    ]


def _passed(figures: Mapping[str, Row]) -> str:
    return "; ".join(f"{name} {row['passed']} passed" for name, row in figures.items())
