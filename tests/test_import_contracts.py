"""Every import contract reports a planted forbidden import, and the real tree breaks none."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import NamedTuple

import pytest

from rubyops.config import CHECKOUT

PACKAGES = ("rubyops", "commands", "checks", "sql", "wallet_runtime")
PREFIX = "importlinter:contract:"


class Breach(NamedTuple):
    """An import that is appended to a file, and the contract that must report it."""

    contract: str
    file: str
    imported: str


BREACHES = (
    Breach("toolkit", "rubyops/ports.py", "rubyops.engine.run.runner"),
    Breach("toolkit", "rubyops/model/secret.py", "rubyops.config"),
    Breach("model", "rubyops/model/freeze.py", "rubyops.model.platform_state"),
    Breach("stranger", "rubyops/adapters/host.py", "wallet_runtime.plumbing.money"),
    Breach("stranger", "rubyops/readings/liveness.py", "wallet_runtime.rolling.domain"),
    Breach("stranger_back", "wallet_runtime/plumbing/http/app.py", "rubyops.errors"),
    Breach("engine", "rubyops/engine/report.py", "commands.freeze"),
    Breach("engine", "rubyops/adapters/host.py", "checks.money.conservation"),
    Breach("engine", "rubyops/engine/run/charge.py", "rubyops.readings.freeze"),
    Breach("views", "rubyops/views/money.py", "checks.money.conservation"),
    Breach("toolkit", "rubyops/readings/freeze.py", "checks.money.conservation"),
    Breach("toolkit", "rubyops/engine/report.py", "rubyops.views.status"),
    Breach("views", "rubyops/views/status.py", "click"),
    Breach("views", "rubyops/views/money.py", "psycopg"),
    Breach("views", "rubyops/views/lock.py", "rubyops.adapters.control"),
    Breach("engine", "rubyops/effects/drain.py", "checks.money.outbox_drained"),
    Breach("kinds", "rubyops/engine/run/rules.py", "rubyops.effects.freeze"),
    Breach("kinds", "rubyops/engine/run/charge.py", "wallet_runtime.contract.freeze"),
    Breach("families", "rubyops/effects/backfill.py", "rubyops.effects.freeze"),
    Breach("testing", "commands/freeze.py", "rubyops.testing"),
    Breach("testing", "wallet_runtime/plumbing/runtime/loop.py", "rubyops.testing"),
    Breach("drivers", "rubyops/engine/run/lease.py", "psycopg"),
    Breach("drivers", "rubyops/readings/freeze.py", "redis"),
    Breach("command_line", "rubyops/adapters/actor.py", "click"),
    Breach("steps", "commands/freeze.py", "rubyops.registry"),
    Breach("rooms", "wallet_runtime/player/domain.py", "wallet_runtime.player.api"),
    Breach("neighbours", "wallet_runtime/game/api.py", "wallet_runtime.wallet.domain.bets"),
    Breach("plumbing", "wallet_runtime/plumbing/runtime/loop.py", "wallet_runtime.game.api"),
    Breach(
        "plumbing_rooms",
        "wallet_runtime/plumbing/runtime/health.py",
        "wallet_runtime.plumbing.http.app",
    ),
    Breach(
        "plumbing_rooms",
        "wallet_runtime/plumbing/events/inbox.py",
        "wallet_runtime.plumbing.http.headers",
    ),
    Breach("web", "wallet_runtime/plumbing/events/consumer.py", "starlette"),
    Breach("redis", "wallet_runtime/plumbing/runtime/loop.py", "redis"),
    Breach("postgres", "wallet_runtime/plumbing/events/replay.py", "psycopg"),
    Breach("contract", "wallet_runtime/contract/text.py", "wallet_runtime.plumbing.money"),
    Breach(
        "pure", "wallet_runtime/wallet/domain/bets.py", "wallet_runtime.plumbing.runtime.database"
    ),
    Breach("pure", "wallet_runtime/rolling/domain.py", "psycopg"),
    Breach("runtime_drivers", "wallet_runtime/wallet/api/money.py", "psycopg"),
)


class Verdict(NamedTuple):
    """The exit code of the linter, and {name of a broken contract: its section}."""

    code: int
    broken: dict[str, str]


def linted(tree: Path) -> Verdict:
    """Run the linter over a tree of packages."""
    command = [
        str(Path(sys.executable).with_name("lint-imports")),
        "--config",
        str(tree / "setup.cfg"),
        "--no-cache",
    ]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    _, _, told = done.stdout.partition("Broken contracts")
    # Each section has the name of a contract, a line of dashes, and the forbidden imports.
    parts = re.split(r"\n(\S.*)\n-{3,}\n", told)
    return Verdict(done.returncode, dict(zip(parts[1::2], parts[2::2], strict=True)))


def contracts(tree: Path) -> dict[str, str]:
    """Map the last word of each contract's section in setup.cfg to the name of the contract."""
    parser = ConfigParser()
    parser.read(tree / "setup.cfg", encoding="utf-8")
    return {
        name.removeprefix(PREFIX): parser[name]["name"]
        for name in parser.sections()
        if name.startswith(PREFIX)
    }


def module_of(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".")


@pytest.fixture(scope="module")
def breached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Verdict]]:
    """A copy of the tree with every forbidden import, and the verdict of the linter."""
    tree = tmp_path_factory.mktemp("breached")
    for package in PACKAGES:
        shutil.copytree(
            CHECKOUT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(CHECKOUT / "setup.cfg", tree)
    for breach in BREACHES:
        with (tree / breach.file).open("a", encoding="utf-8") as file:
            file.write(f"\nimport {breach.imported}\n")
    yield tree, linted(tree)


def test_the_tree_breaks_no_contract() -> None:
    assert linted(CHECKOUT) == Verdict(0, {})


def test_every_contract_has_a_breach() -> None:
    assert set(contracts(CHECKOUT)) == {breach.contract for breach in BREACHES}


@pytest.mark.parametrize(
    "breach",
    BREACHES,
    ids=[f"{breach.contract}: {breach.file} {breach.imported}" for breach in BREACHES],
)
def test_a_breach_is_named(breached: tuple[Path, Verdict], breach: Breach) -> None:
    tree, verdict = breached
    line = f"{module_of(breach.file)} -> {breach.imported}"
    # The linter wraps long lines, so join them.
    told = " ".join(verdict.broken.get(contracts(tree)[breach.contract], "").split())
    assert verdict.code != 0
    assert line in told
