"""Creates or updates `.venv` from a lock file with hashes: `python3 scripts/prepare.py run|dev`.

The script needs only the standard library. It installs only wheels, so it needs no compiler.

A stamp file in `.venv` holds a digest of the lock file and the settings. While the digest is right,
the script does nothing, so it may run before every command. A file lock makes parallel runs wait.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = {"run": "requirements.lock", "dev": "requirements-dev.lock"}
PACKAGING = ("setup.cfg", "pyproject.toml", "requirements.in")
OLDEST = (3, 11)
PIP = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]


def main(kind: str) -> None:
    """Prepare `.venv` to run the product (`run`), or to test it as well (`dev`)."""
    if sys.version_info < OLDEST:
        sys.exit(
            f"Python {'.'.join(map(str, OLDEST))} or newer is needed; "
            f"python3 is {sys.version.split()[0]}."
        )
    with (ROOT / ".venv.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if _stamp(kind).exists() and _stamp(kind).read_text() == _made_from(kind):
            return
        began = time.monotonic()
        print(f"preparing .venv from {LOCKS[kind]} ...", file=sys.stderr, flush=True)
        _prepare(kind)
        for covered in ("run", "dev") if kind == "dev" else ("run",):
            _stamp(covered).write_text(_made_from(covered))
        print(f"prepared .venv in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _prepare(kind: str) -> None:
    if not _works("-c", "import sys"):
        _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)])
    for stamp in VENV.glob(".made-from-*"):
        stamp.unlink()
    if not _works("-m", "pip", "--version"):
        _run(
            [str(PYTHON), "-m", "ensurepip", "--upgrade"],
            hint="On Debian: apt-get install python3-venv",
        )
    _run(
        [
            *PIP,
            "install",
            "--no-compile",
            "--only-binary",
            ":all:",
            "--require-hashes",
            "-r",
            str(ROOT / LOCKS[kind]),
        ]
    )
    editable = [
        "--no-compile",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--config-settings",
        "editable_mode=compat",
    ]
    _run([*PIP, "install", *editable, "-e", str(ROOT)])
    # Compile once on all cores. Otherwise each of the eight processes would compile at its start.
    _run([str(PYTHON), "-m", "compileall", "-q", "-j", "0", *_sources()], refuse=False)


def _sources() -> list[str]:
    installed = [str(folder) for folder in VENV.glob("lib/python3*/site-packages")]
    return installed + [
        str(ROOT / name) for name in ("rubyops", "commands", "checks", "sql", "wallet_runtime")
    ]


def _works(*arguments: str) -> bool:
    try:
        return (
            subprocess.run([PYTHON, *arguments], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


def _run(command: list[str], *, hint: str = "", refuse: bool = True) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0 and refuse:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout.strip()[-2000:]}\n{hint}".rstrip())


def _stamp(kind: str) -> Path:
    return VENV / f".made-from-{kind}"


def _made_from(kind: str) -> str:
    digest = hashlib.sha256(f"{ROOT} {sys.version_info[:2]} {os.uname().machine}".encode())
    for name in (LOCKS[kind], *PACKAGING):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    if sys.argv[1:] not in (["run"], ["dev"]):
        sys.exit("usage: python3 scripts/prepare.py run|dev")
    main(sys.argv[1])
