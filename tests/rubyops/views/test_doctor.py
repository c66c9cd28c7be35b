"""Each part of `doctor`, with the command that repairs it."""

from pathlib import Path

import psycopg
import pytest

from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import Link
from rubyops.adapters.host import this_process
from rubyops.errors import Unreachable, UsageError
from rubyops.ports import Copy
from rubyops.testing.effects import Recorder
from rubyops.views import doctor
from rubyops.views.doctor import Found, Patient, examine
from tests.cluster import TestDatabase
from tests.rubyops.cli.test_damaged_journals import journal
from tests.rubyops.engine import tiny

RUNS = [Copy("gateway", 1, "", 11, "running")]
GONE = "UPDATE control.run_lock SET holder = jsonb_set(holder, '{started}', '1')"


class House:
    """An environment that a test breaks in one place."""

    def __init__(self, home: Path, dsn: str) -> None:
        """Set up a healthy environment in which nothing runs."""
        self.home = home
        self.journals = tiny.session(dsn, home, Recorder())
        self.control = ControlDatabase(Link(lambda: dsn, "the test's control"))
        self.copies: list[Copy] = []

    def servers(self) -> str:
        """Describe the servers."""
        return "PostgreSQL here"

    def found(self, name: str) -> Found:
        """Run the doctor and return one part of its report."""
        patient = Patient(
            "test", self.home, self.servers, self.journals, self.control, lambda: self.copies
        )
        return next(item for item in examine(patient).parts if item.id == name)


@pytest.fixture
def house(control_db: TestDatabase, tmp_path: Path) -> House:
    """An environment whose control answers."""
    return House(tmp_path, control_db.dsn("rubyops_ops"))


def remedy(part: Found) -> str:
    assert part.status == "failed" and part.details is not None
    return part.details.do


def nobody() -> str:
    raise Unreachable("nothing listens")


def test_a_sound_environment_has_no_failure(house: House) -> None:
    parts = {name: house.found(name) for name in ("python", "home", "servers", "platform", "lock")}
    assert {part.status for part in parts.values()} == {"ok"}
    assert (parts["platform"].summary, parts["lock"].summary) == ("answers", "free")
    assert house.found("journals").summary == "there is none yet"


def test_a_home_that_cannot_be_made_is_named(house: House, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    house.home = tmp_path / "file" / "home"
    assert remedy(house.found("home")).startswith("export RUBYOPS_HOME=")


def test_a_full_disk_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "DISK_NEEDED_BYTES", 1 << 80)
    assert remedy(house.found("disk")) == f"make room on the file system of {house.home}"


def test_missing_servers_are_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise UsageError("no PostgreSQL")

    monkeypatch.setattr(house, "servers", missing)
    assert remedy(house.found("servers")) == "scripts/rubyops, which installs them"


def test_damaged_journals_are_named(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "r-good.ndjson").write_text(journal("r-good"))
    assert house.found("journals").summary == "the newest journals are sound"
    (folder / "r-junk.ndjson").write_text("junk\n")
    part = house.found("journals")
    assert part.summary == "1 of the newest journals are not sound: r-junk"
    assert remedy(part) == "rubyops runs verify r-junk"


def test_a_platform_that_hangs_is_told_from_one_that_is_down(house: House) -> None:
    house.control = ControlDatabase(Link(nobody, "the test's control"))
    down = house.found("platform")
    assert (down.status, down.summary) == ("noop", "is down")
    assert down.details is not None and down.details.do == "rubyops up -e test"
    assert house.found("lock").summary == "not known: control does not answer"
    house.copies = RUNS
    assert house.found("platform").summary.startswith("runs and does not answer: ")
    assert remedy(house.found("platform")) == "rubyops up -e test"


def test_the_lock_of_a_dead_run_is_named(house: House, control_db: TestDatabase) -> None:
    house.control.acquire("r-1", this_process())
    assert house.found("lock").summary == "held by run r-1"
    with psycopg.connect(control_db.superuser_dsn) as connection:
        connection.execute(GONE)
    part = house.found("lock")
    assert part.summary == "run r-1 died holding it"
    assert remedy(part) == "rubyops runs resume r-1 -e test"
