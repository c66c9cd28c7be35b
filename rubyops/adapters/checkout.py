"""Names the commit of a checkout, and what in it differs from that commit, as git tells it."""

import hashlib
import os
import stat
import subprocess
from pathlib import Path

from rubyops.model.recorded import UNKNOWN_COMMIT

GIT_SECONDS_MAX = 10
WHOLE_BYTES_MAX = 8_000_000
# Tags of `git ls-files -v`: `?` is an untracked file, `S` and small letters are tracked files that
# git was told to ignore.
_UNTRACKED, _HIDDEN = b"?", b"S"


def head_commit(folder: Path) -> str | None:
    """Name the commit that is checked out at this folder.

    None without git, outside of a repository, and in a folder of another repository.
    """
    try:
        top, head = _git(folder, "rev-parse", "--show-toplevel", "HEAD").decode().splitlines()
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return head if Path(top).resolve() == folder.resolve() else None


def name_commit(folder: Path, state: Path | None = None) -> str:
    """Name the commit of the checkout at this folder, `unknown` where `head_commit` is None.

    With changes the name ends in `-dirty-` and their digest. Changed files are tracked files that
    differ, and files that git neither tracks nor ignores. Files below `state` do not count.
    """
    head = head_commit(folder)
    if head is None:
        return UNKNOWN_COMMIT
    try:
        diff = _git(
            folder, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--no-color"
        )
        unseen = [name for name in _unseen(folder) if not _is_state(folder, name, state)]
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN_COMMIT
    if not diff and not unseen:
        return head
    return f"{head}-dirty-{_digest_changes(folder, diff, unseen)}"


def _digest_changes(folder: Path, diff: bytes, unseen: list[bytes]) -> str:
    total = hashlib.sha256(diff)
    for name in unseen:
        total.update(len(name).to_bytes(4) + name + _digest(folder / os.fsdecode(name)))
    return total.hexdigest()[:12]


def _unseen(folder: Path) -> list[bytes]:
    """Name every file that a diff leaves out: untracked ones, and ones hidden from git."""
    words = ("ls-files", "-v", "-z", "--cached", "--others", "--exclude-standard")
    listed = [entry for entry in _git(folder, *words).split(b"\0") if entry]
    tagged = [(entry[:1], entry[2:]) for entry in listed]
    return sorted({name for tag, name in tagged if tag in (_UNTRACKED, _HIDDEN) or tag.islower()})


def _is_state(folder: Path, name: bytes, state: Path | None) -> bool:
    """Whether a file belongs to the toolkit's own state, which changes often and is no code."""
    if state is None or state.resolve() == folder.resolve():
        return False
    return (folder.resolve() / os.fsdecode(name)).is_relative_to(state.resolve())


def _digest(path: Path) -> bytes:
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            content = os.fsencode(os.readlink(path))
        elif stat.S_ISREG(found.st_mode) and found.st_size <= WHOLE_BYTES_MAX:
            content = path.read_bytes()
        else:
            # Every line of rubyops runs this, so it must be quick. A file so large, or one that is
            # not regular, is no code: mode, size and time tell whether it has changed.
            content = f"{found.st_mode} {found.st_size} {found.st_mtime_ns}".encode()
    except OSError as error:
        content = type(error).__name__.encode()
    return hashlib.sha256(content).digest()


def _git(folder: Path, *words: str) -> bytes:
    # The variables of a shell could name another repository, index or configuration.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), *words]
    environ["GIT_OPTIONAL_LOCKS"] = "0"
    return subprocess.run(
        command, capture_output=True, check=True, env=environ, timeout=GIT_SECONDS_MAX
    ).stdout
