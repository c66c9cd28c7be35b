"""Every file of package `sql` that is read at run time is in a wheel (K11)."""

from configparser import ConfigParser
from pathlib import Path

from rubyops.config import CHECKOUT

PACKAGE = CHECKOUT / "sql"


def test_the_package_data_names_every_file_that_is_no_module() -> None:
    config = ConfigParser()
    config.read(CHECKOUT / "setup.cfg")
    patterns = config["options.package_data"]["sql"].split()
    shipped = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    assert {path for path in PACKAGE.rglob("*.sql")} - shipped == set()
    # The folders of revisions are no packages, so a pattern must name their .py files, too.
    revisions = {path for path in PACKAGE.glob("migrations/*/*.py")}
    assert revisions and revisions <= shipped


def test_every_pattern_finds_files() -> None:
    config = ConfigParser()
    config.read(CHECKOUT / "setup.cfg")
    for pattern in config["options.package_data"]["sql"].split():
        assert list(Path(PACKAGE).glob(pattern)), pattern
