"""The version of the code that the platform's processes run."""

from importlib import metadata
from pathlib import Path

from rubyops.adapters.checkout import head_commit
from rubyops.model.recorded import short_commit
from sql.code import code_digest

CHECKOUT = Path(__file__).resolve().parents[3]


def code_version() -> str:
    """Return the package's version, its commit, and the digest of its files.

    A changed digest restarts every process, even when the commit is the same.
    """
    try:
        package = metadata.version("rubyops")
    except metadata.PackageNotFoundError:
        package = "0"
    commit = head_commit(CHECKOUT)
    named = f"{package}+{short_commit(commit)}" if commit else package
    return f"{named}.{code_digest()[:12]}"
