"""The schema of the last release, from an archive of its definitions.

`python -m tests.sql.last_release` makes the archive when a release is cut. Instead of the
revisions, the archive holds the number of the newest one. Released revisions never change
(`test_revisions.py`), so the checkout still has those of the release.
"""

import io
import json
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from rubyops.config import CHECKOUT
from rubyops.ports import Database
from sql import definitions, migrations

ARCHIVE = CHECKOUT / "tests" / "data" / "last_release.tar.xz"
NUMBERS = "revisions.json"
DATABASES: tuple[Database, ...] = get_args(Database)


def write() -> None:
    """Archive the definitions of this checkout; the same files always give the same bytes."""
    files = {
        path.relative_to(definitions.FOLDER).as_posix(): path.read_bytes()
        for path in definitions.FOLDER.rglob("*.sql")
    }
    newest = {which: migrations.newest_revision(which) for which in DATABASES}
    files[NUMBERS] = json.dumps(newest).encode()
    with tarfile.open(ARCHIVE, "w:xz", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            archive.addfile(entry, io.BytesIO(files[name]))


def unpack(folder: Path) -> tuple[Path, Path]:
    """Unpack the release into a folder; return the folders of its revisions and definitions."""
    made = folder / "definitions"
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(made, filter="data")
    revisions = folder / "migrations"
    shutil.copytree(migrations.FOLDER, revisions)
    _leave_out_newer(revisions, json.loads((made / NUMBERS).read_text()))
    return revisions, made


def _leave_out_newer(revisions: Path, newest: Mapping[str, str]) -> None:
    for which, last in newest.items():
        for path in (revisions / which).glob("[0-9]*_*.py"):
            if path.stem.partition("_")[0] > last:
                path.unlink()


if __name__ == "__main__":
    write()
    print(f"{ARCHIVE.relative_to(CHECKOUT)}: {ARCHIVE.stat().st_size} bytes")  # noqa: T201
