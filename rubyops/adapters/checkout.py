"""Names a checkout by its git commit, and by a digest of its uncommitted changes."""

import hashlib
import os
import stat
import subprocess
from pathlib import Path

from rubyops.model.recorded import UNKNOWN_COMMIT

GIT_SECONDS_MAX = 10
WHOLE_BYTES_MAX = 8_000_000
DIFF = ("diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--no-color")
# Tags of `git ls-files -v`. `?` marks an untracked file. `S` and lowercase letters mark tracked
# files whose changes git was told to ignore.
_UNTRACKED, _HIDDEN = b"?", b"S"


def head_commit(folder: Path) -> str | None:
    """Return the hash of the commit that is checked out at this folder.

    None when git is missing, or when the folder is not the root of a repository.
    """
    try:
        top, head = _git(folder, "rev-parse", "--show-toplevel", "HEAD").decode().splitlines()
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return head if Path(top).resolve() == folder.resolve() else None


def name_commit(folder: Path, state: Path | None = None) -> str:
    """Return the commit hash of a checkout, or `unknown` when git does not tell it.

    When files differ from the commit, `-dirty-` and a digest of the changes follow the hash.
    Untracked files count as changes, unless git ignores them or they lie below `state`.
    """
    head = head_commit(folder)
    if head is None:
        return UNKNOWN_COMMIT
    try:
        diff = _git(folder, *DIFF)
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
    """List the files that `git diff` skips: untracked files, and files hidden from git."""
    words = ("ls-files", "-v", "-z", "--cached", "--others", "--exclude-standard")
    listed = [entry for entry in _git(folder, *words).split(b"\0") if entry]
    return sorted({entry[2:] for entry in listed if _is_skipped(entry[:1])})


def _is_skipped(tag: bytes) -> bool:
    return tag in (_UNTRACKED, _HIDDEN) or tag.islower()


def _is_state(folder: Path, name: bytes, state: Path | None) -> bool:
    """Whether a file lies in the state folder, whose files change often and are not code."""
    if state is None or state.resolve() == folder.resolve():
        return False
    return (folder.resolve() / os.fsdecode(name)).is_relative_to(state.resolve())


def _digest(path: Path) -> bytes:
    try:
        content = _content(path)
    except OSError as error:
        content = type(error).__name__.encode()
    return hashlib.sha256(content).digest()


def _content(path: Path) -> bytes:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        return os.fsencode(os.readlink(path))
    if stat.S_ISREG(found.st_mode) and found.st_size <= WHOLE_BYTES_MAX:
        return path.read_bytes()
    # Every rubyops command computes this digest, so it must be quick. Large and special files are
    # not code. For them mode, size and time are enough to notice a change.
    return f"{found.st_mode} {found.st_size} {found.st_mtime_ns}".encode()


def _git(folder: Path, *words: str) -> bytes:
    # GIT_* variables of the shell could point git at another repository or index.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), *words]
    environ["GIT_OPTIONAL_LOCKS"] = "0"
    return subprocess.run(
        command, capture_output=True, check=True, env=environ, timeout=GIT_SECONDS_MAX
    ).stdout
