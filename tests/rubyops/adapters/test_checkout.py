"""The name of a commit and the digest of its code, in a test repository."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rubyops.adapters.checkout import name_commit
from rubyops.config import CHECKOUT
from rubyops.model.recorded import short_commit
from sql.code import code_digest

Change = Callable[[Path], object]


def git(folder: Path, *words: str) -> str:
    named = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", "-C", str(folder), *named, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "checkout"
    (made / "wallet_runtime" / "seeds").mkdir(parents=True)
    (made / "sql" / "queries").mkdir(parents=True)
    files = {
        "wallet_runtime/api.py": "x = 1\n",
        "wallet_runtime/seeds/a.json": "{}",
        "sql/queries/q.sql": "SELECT 1;\n",
    }
    for name, text in {
        **files,
        "README.md": "read me\n",
        ".gitignore": "ignored/\n__pycache__/\n",
    }.items():
        (made / name).write_text(text)
    git(made, "init", "-q")
    git(made, "add", "-A")
    git(made, "commit", "-qm", "one")
    return made


def test_a_clean_checkout_has_the_name_of_its_commit(repository: Path) -> None:
    assert name_commit(repository) == git(repository, "rev-parse", "HEAD")
    (repository / "ignored").mkdir()
    (repository / "ignored" / "x").write_text("nobody reads this")
    assert name_commit(repository) == git(repository, "rev-parse", "HEAD")


def hidden_change(repository: Path) -> None:
    git(repository, "update-index", "--assume-unchanged", "README.md")
    (repository / "README.md").write_text("changed in secret\n")


def skipped_change(repository: Path) -> None:
    git(repository, "update-index", "--skip-worktree", "README.md")
    (repository / "README.md").write_text("changed in secret\n")


CHANGES: dict[str, Change] = {
    "edited": lambda folder: (folder / "README.md").write_text("read me too\n"),
    "staged": lambda folder: [
        (folder / "README.md").write_text("staged\n"),
        git(folder, "add", "README.md"),
    ],
    "deleted": lambda folder: (folder / "README.md").unlink(),
    "made executable": lambda folder: (folder / "README.md").chmod(0o755),
    "an untracked file": lambda folder: (folder / "new.py").write_text("x = 1\n"),
    "another untracked file": lambda folder: (folder / "new.py").write_text("x = 2\n"),
    "an untracked link": lambda folder: (folder / "new.py").symlink_to("README.md"),
    "an untracked file with a strange name": lambda folder: (folder / "ne\nw é.py").write_text(
        "x = 1\n"
    ),
    "a change that git was told to overlook": hidden_change,
    "a change that git was told to skip": skipped_change,
}


def test_every_change_has_a_name_of_its_own(tmp_path: Path, repository: Path) -> None:
    names = {}
    for number, (what, change) in enumerate(CHANGES.items()):
        copy = tmp_path / str(number)
        subprocess.run(["cp", "-a", str(repository), str(copy)], check=True)
        change(copy)
        names[what] = name_commit(copy)
        assert names[what] == name_commit(copy), "it is the same when it is asked again"
    head = git(repository, "rev-parse", "HEAD")
    assert all(name.startswith(f"{head}-dirty-") for name in names.values()), names
    # Two of the changes hide the same edit from git, so these two get the same name.
    assert len(set(names.values())) == len(names) - 1
    assert short_commit(names["edited"]) == head[:12] + names["edited"][40:]


def test_state_that_is_kept_in_the_checkout_is_no_change(repository: Path) -> None:
    state = repository / "home"
    (state / "local" / "logs").mkdir(parents=True)
    (state / "local" / "logs" / "gateway.log").write_text("line after line\n")
    head = git(repository, "rev-parse", "HEAD")
    assert name_commit(repository, state) == head
    assert name_commit(repository) != head
    assert name_commit(repository, repository) != head
    (repository / "new.py").write_text("x = 1\n")
    assert name_commit(repository, state) != head


def test_what_git_does_not_tell_is_unknown(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert name_commit(tmp_path) == "unknown"
    assert name_commit(repository / "sql") == "unknown", (
        "a folder inside of somebody's repository is not a checkout"
    )
    monkeypatch.setenv("GIT_DIR", str(CHECKOUT / ".git"))
    assert name_commit(repository) != name_commit(CHECKOUT), (
        "the shell's variables name no other repository"
    )
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert name_commit(repository) == "unknown"


def test_an_empty_repository_is_unknown(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert name_commit(tmp_path) == "unknown"


SOURCES: dict[str, Change] = {
    "python": lambda folder: (folder / "wallet_runtime" / "api.py").write_text("x = 2\n"),
    "sql": lambda folder: (folder / "sql" / "queries" / "q.sql").write_text("SELECT 2;\n"),
    "a seed": lambda folder: (folder / "wallet_runtime" / "seeds" / "a.json").write_text("[]"),
    "a new file": lambda folder: (folder / "wallet_runtime" / "new.py").touch(),
    "a file renamed": lambda folder: (folder / "wallet_runtime" / "api.py").rename(
        folder / "wallet_runtime" / "b.py"
    ),
    "a file gone": lambda folder: (folder / "sql" / "queries" / "q.sql").unlink(),
}


@pytest.mark.parametrize("change", SOURCES.values(), ids=list(SOURCES))
def test_code_is_what_is_loaded(repository: Path, change: Change) -> None:
    before = code_digest(repository)
    change(repository)
    assert code_digest(repository) != before


def test_code_is_not_what_is_not_loaded(repository: Path) -> None:
    before = code_digest(repository)
    (repository / "README.md").write_text("other words\n")
    (repository / "wallet_runtime" / "__pycache__").mkdir()
    (repository / "wallet_runtime" / "__pycache__" / "api.py").write_text("x = 3\n")
    (repository / "wallet_runtime" / ".#api.py").symlink_to("nobody@nowhere")
    os.utime(repository / "wallet_runtime" / "api.py", (1, 1))
    assert code_digest(repository) == before


def test_code_can_be_asked_for_at_every_line() -> None:
    began = time.process_time()
    assert len(code_digest()) == 64
    assert (
        time.process_time() - began < 0.3
    )  # takes some 10 ms; the rest is room for a busy machine
