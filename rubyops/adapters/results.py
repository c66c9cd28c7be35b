"""Results of test runs by commit, in files that are trusted only with a valid seal.

The seal is an HMAC over the content of the file. Its key lies beside the results, on this machine
alone. A file that was edited, or copied from elsewhere, fails the check of its seal or of its
fields.
"""

import hashlib
import hmac
import json
import os
import platform
import secrets
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rubyops.errors import Refused
from rubyops.model.recorded import UNKNOWN_COMMIT, Evidence, short_commit
from rubyops.ports import Row

KEY_NAME = "seal.key"
KEY_BYTES = 32
FILE_BYTES_MAX = 1_000_000
CLOCKS_DIFFER_MAX = timedelta(seconds=60)
SEAL = "seal"
RESULT_FIELDS = ("recorded_at", "commit", "code", "suite")
_ALONE = 0o077


class SealedResults:
    """The results of one checkout, in a folder that several environments may share."""

    def __init__(
        self, home: Path, commit: str, code: str, stamp: Callable[[], tuple[str, str]] | None = None
    ) -> None:
        """Use the results of this commit and this digest of the code.

        `stamp` computes both again before a result is recorded, to detect changed files.
        """
        self._home = home
        self._key_path = home / KEY_NAME
        self._commit = commit
        self._code = code
        self._stamp = stamp

    @property
    def stamped(self) -> dict[str, str]:
        """The commit and the code digest, as every result of this checkout has them."""
        return {"commit": self._commit, "code": self._code}

    def newest(self, suite: str) -> Evidence:
        """Return the recorded result of a suite, or the reason why its file is not trusted."""
        path = self._path(suite)
        try:
            if path.stat().st_size > FILE_BYTES_MAX:
                return _doubt(path, "it is larger than any result is")
            row = json.loads(path.read_bytes())
        except FileNotFoundError:
            return Evidence()
        except OSError as error:
            return _doubt(path, f"it cannot be read ({error.strerror})")
        except (ValueError, RecursionError):
            return _doubt(path, "it is no JSON")
        why = self._why_not(row, suite)
        return Evidence(row) if why is None else _doubt(path, why)

    def begun_at(self, suite: str) -> str | None:
        """Return when the recorded run of a suite began, None without a sealed record."""
        try:
            row = json.loads(self._path(suite).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        return row.get("begun_at") if self.is_sealed(row) else None

    def record(self, suite: str, *, passed: bool, **figures: Any) -> Path:
        """Seal a result, replace the suite's file with it, and return the file.

        Raises `Refused` and records nothing when git does not tell the commit, or when files have
        changed since the start.
        """
        self._refuse_no_commit()
        row: Row = {
            **figures,
            **self.stamped,
            "suite": suite,
            "passed": passed,
            "recorded_at": datetime.now(UTC).isoformat(),
            "python": platform.python_version(),
        }
        return self._write(self._path(suite), self.seal(row))

    def _refuse_no_commit(self) -> None:
        """Raise `Refused` when a result would not belong to exactly one commit."""
        if self._commit == UNKNOWN_COMMIT:
            raise Refused(
                "git does not tell the commit of this checkout, so its result is not kept"
            )
        if self._stamp is not None and self._stamp() != (self._commit, self._code):
            raise Refused(
                "files of this checkout changed while its tests ran, so their result is of no "
                "commit and is not kept"
            )

    def seal(self, row: Row) -> Row:
        """Return the row with its seal. The first call creates the key."""
        if not os.path.lexists(self._key_path):
            self._make_key()
        return {**row, SEAL: _seal(self._key(), row)}

    def is_sealed(self, row: Any) -> bool:
        """Whether the seal of a row matches its content."""
        if not _has_seal(row) or not os.path.lexists(self._key_path):
            return False
        content = {name: value for name, value in row.items() if name != SEAL}
        claimed = row[SEAL].encode(errors="backslashreplace")  # JSON may hold lone surrogates
        return hmac.compare_digest(claimed, _seal(self._key(), content).encode())

    def _why_not(self, row: Any, suite: str) -> str | None:
        """Return why a row is not trusted as the result of a suite, None when it is trusted."""
        try:
            if not self.is_sealed(row):
                return "it does not carry the seal of a result that was recorded here"
        except Refused as error:
            return error.message
        if not all(isinstance(row.get(name), str) for name in RESULT_FIELDS):
            return "it carries the seal and is no result"
        return self._of_another_run(row, suite) or _out_of_time(row)

    def _of_another_run(self, row: Row, suite: str) -> str | None:
        if row["commit"] != self._commit:
            return f"it is the result of commit {short_commit(row['commit'])}"
        if row["code"] != self._code:
            return "it is the result of other files of the platform"
        if row["suite"] != suite:
            return f"it is the result of the suite {row['suite']!r}"
        return None

    def _path(self, suite: str) -> Path:
        return self._home / self._commit / f"{quote(suite, safe='')}.json"

    def _write(self, path: Path, row: Row) -> Path:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(row, indent=2) + "\n", encoding="utf-8")
        unfinished.replace(path)
        return path

    def _key(self) -> bytes:
        """Read the key. Raises `Refused` if the key is damaged, or if other users can read it."""
        path = self._key_path
        if not _is_private(path.lstat()):
            raise Refused(
                f"{path}, by which results are sealed, must be a file that its owner alone can "
                "read; remove it"
            )
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise Refused(
                f"{path}, by which results are sealed, is damaged; remove it, and run the tests "
                "again"
            )
        return key

    def _make_key(self) -> None:
        path = self._key_path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{secrets.token_hex(4)}")
        _write_key(unfinished)
        try:
            # Unlike a rename, a link does not replace a key that another process has just made.
            os.link(unfinished, path)
        except FileExistsError:
            return
        finally:
            unfinished.unlink()


def _out_of_time(row: Row) -> str | None:
    recorded = row["recorded_at"]
    if datetime.fromisoformat(recorded) > datetime.now(UTC) + CLOCKS_DIFFER_MAX:
        return f"it was recorded at {recorded}, which is yet to come"
    if row.get("ended") is False:
        return f"the run that began at {recorded} did not come to an end"
    return None


def _seal(key: bytes, row: Row) -> str:
    canonical = json.dumps(row, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, canonical.encode(), hashlib.sha256).hexdigest()


def _has_seal(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get(SEAL), str)


def _is_private(found: os.stat_result) -> bool:
    """Whether a file is an ordinary one that only this user can read."""
    is_mine = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
    return is_mine and not found.st_mode & _ALONE


def _write_key(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(KEY_BYTES))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _doubt(path: Path, why: str) -> Evidence:
    return Evidence(None, (f"found {path}, not believed: {why}",))
