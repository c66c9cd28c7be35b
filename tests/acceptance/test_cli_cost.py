"""The cost of rubyops' help and shell completion, and of its imports.

Help and completion import no driver, and take little more CPU time than click alone. A freeze must
be in force within a second, so it imports no driver but PostgreSQL's.
"""

import os
import re
import subprocess
import sys
from statistics import median
from typing import NamedTuple

import pytest

from rubyops.config import CHECKOUT

DRIVERS = {"psycopg", "psycopg_pool", "redis", "httpx", "sqlalchemy", "alembic", "supervisor"}
# The only limit on time in the tests. It is a ratio of two measurements on the same machine.
CPU_TIMES_MAX = 3.0
MEASUREMENTS = 9
IMPORTED = re.compile(r"^import time:.*\| +([\w.]+)$", re.MULTILINE)


class Asked(NamedTuple):
    """A rubyops command line, or the words that a shell wants completed."""

    words: tuple[str, ...] = ()
    completing: str = ""

    def environ(self) -> dict[str, str]:
        """The environment, with the variables by which a shell requests a completion."""
        if not self.completing:
            return dict(os.environ)
        wanted = {
            "_RUBYOPS_COMPLETE": "bash_complete",
            "COMP_WORDS": self.completing,
            "COMP_CWORD": str(self.completing.count(" ")),
        }
        return {**os.environ, **wanted}


HELP, NAMES = Asked(("--help",)), Asked(completing="rubyops ro")
QUESTIONS = [
    pytest.param(HELP, "gate", id="help"),
    pytest.param(Asked(("rollback", "--help")), "--tier", id="help of a line"),
    pytest.param(NAMES, "rollback", id="completing a name"),
    pytest.param(
        Asked(completing="rubyops topology a"), "activate", id="completing a name in a group"
    ),
    pytest.param(Asked(completing="rubyops rollback --t"), "--tier", id="completing an option"),
]


@pytest.mark.parametrize(("asked", "answered"), QUESTIONS)
def test_no_driver_is_imported(asked: Asked, answered: str) -> None:
    imported, told = imports_of("-m", "rubyops", *asked.words, environ=asked.environ())
    assert "click" in imported
    assert imported & DRIVERS == set()
    assert answered in told


def test_opening_an_environment_imports_no_driver_that_a_freeze_does_without() -> None:
    opening = "from rubyops import bootstrap; bootstrap.open_environment(None)"
    imported, _ = imports_of("-c", opening, environ=dict(os.environ))
    assert imported & DRIVERS == {"psycopg"}


@pytest.mark.parametrize("asked", [HELP, NAMES], ids=["help", "completing a name"])
def test_cpu_time_is_near_that_of_importing_click(asked: Asked) -> None:
    ratios = [
        cpu_seconds(asked, "-m", "rubyops", *asked.words)
        / cpu_seconds(Asked(), "-c", "import click")
        for _ in range(MEASUREMENTS)
    ]
    assert median(ratios) < CPU_TIMES_MAX


def imports_of(*words: str, environ: dict[str, str]) -> tuple[set[str], str]:
    """Run Python; return the names of the packages that it imported, and its output."""
    command = [sys.executable, "-X", "importtime", *words]
    done = subprocess.run(
        command, env=environ, cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in IMPORTED.findall(done.stderr)}, done.stdout


def cpu_seconds(asked: Asked, *words: str) -> float:
    """Run Python; return the CPU seconds (user and system) that it took."""
    process = subprocess.Popen(
        [sys.executable, *words], env=asked.environ(), cwd=CHECKOUT, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime
