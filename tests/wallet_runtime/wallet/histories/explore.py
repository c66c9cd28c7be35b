"""Generates histories with Hypothesis until enough long and different ones exist."""

from uuid import UUID, uuid5

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.wallet_runtime.wallet.histories.machine import Open
from tests.wallet_runtime.wallet.histories.model import Action
from tests.wallet_runtime.wallet.histories.scenes import Histories
from tests.wallet_runtime.wallet.histories.variants import Documents

STEPS = 42  # each plays at least one command, after ten at the start
COMMANDS_MIN = 50
ATTEMPTS_MAX = 20


def play(backend: Open, pairs: list[Documents], histories: int, from_seed: int) -> int:
    """Play this many different histories of at least `COMMANDS_MIN` commands.

    Return the number of their commands. The first history on which product and model disagree
    raises an error, shrunk to the fewest commands.
    """
    full: set[tuple[Action, ...]] = set()
    for attempt in range(ATTEMPTS_MAX):
        if len(full) >= histories:
            return sum(map(len, full))
        lives = explore(backend, pairs, histories - len(full), from_seed + attempt)
        full |= {tuple(life) for life in lives if len(life) >= COMMANDS_MIN}
    raise AssertionError(
        f"only {len(full)} of {histories} histories were long enough and different"
    )


def explore(
    backend: Open, pairs: list[Documents], histories: int, from_seed: int, *, shrink: bool = True
) -> list[list[Action]]:
    """Generate histories from a seed; return the commands of each, of any length."""
    body = {
        "open": staticmethod(backend),
        "pairs": pairs,
        "lives": [],
        "start": uuid5(UUID(int=0), f"seed {from_seed}"),
    }
    machine: type[Histories] = type("Histories", (Histories,), body)
    run_state_machine_as_test(
        seed(from_seed)(machine),
        settings=settings(
            max_examples=histories,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return machine.lives
