"""Find each missing part that rubyops needs on this machine, and name its remedy."""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rubyops.errors import RubyopsError, Unreachable, UsageError
from rubyops.model.status import Status
from rubyops.ports import Control, Copy
from rubyops.views.runs import JournalReader
from rubyops.views.view import Item, View, any_failed

DISK_NEEDED_BYTES = 1_000_000_000
PYTHON_NEEDED = (3, 11)
JOURNALS_READ_MAX = 50


@dataclass(frozen=True)
class Remedy:
    """The command or act that repairs a part."""

    do: str


Found = Item[Remedy | None]


@dataclass(frozen=True)
class DoctorView(View):
    """The examined parts."""

    schema = "rubyops.doctor/v1"
    parts: tuple[Found, ...]

    @property
    def results(self) -> tuple[Found, ...]:
        """One item for each part."""
        return self.parts

    @property
    def verdict(self) -> Status:
        """`failed` when one part has failed."""
        return any_failed(self.parts)


@dataclass(frozen=True)
class Patient:
    """The environment to examine, and functions that report its parts.

    `servers` returns the places of the server programs, in words. `copies` lists the copies that
    the driver manages.
    """

    name: str
    home: Path
    servers: Callable[[], str]
    journals: JournalReader
    control: Control
    copies: Callable[[], Sequence[Copy]]


def examine(patient: Patient) -> DoctorView:
    """Examine every part."""
    return DoctorView(
        (
            _python(),
            _home(patient.home),
            _disk(patient.home),
            _servers(patient.servers),
            _journals(patient.journals),
            _platform(patient),
            _stale_lock(patient),
        )
    )


def _well(name: str, title: str, summary: str) -> Found:
    return Item(name, title, "ok", summary, None)


def _ill(name: str, title: str, summary: str, do: str) -> Found:
    return Item(name, title, "failed", summary, Remedy(do))


def _python() -> Found:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= PYTHON_NEEDED:
        return _well("python", "Python", found)
    return _ill(
        "python", "Python", found, "install Python 3.11 or newer and make the environment anew"
    )


def _home(home: Path) -> Found:
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        probe = home / ".doctor"
        probe.touch()
        probe.unlink()
    except OSError as error:
        do = "export RUBYOPS_HOME=/a/folder/that/can/be/written"
        return _ill("home", "state folder", f"{home}: {error.strerror}", do)
    return _well("home", "state folder", str(home))


def _disk(home: Path) -> Found:
    free = shutil.disk_usage(home if home.exists() else home.parent).free
    words = f"{free // 1_000_000:,} MB free"
    if free >= DISK_NEEDED_BYTES:
        return _well("disk", "disk", words)
    return _ill("disk", "disk", words, f"make room on the file system of {home}")


def _servers(servers: Callable[[], str]) -> Found:
    try:
        return _well("servers", "server programs", servers())
    except RubyopsError as error:
        do = "scripts/rubyops, which installs them"
        return _ill("servers", "server programs", error.message, do)


def _journals(reader: JournalReader) -> Found:
    try:
        newest = reader.journals.runs()[-JOURNALS_READ_MAX:]
        broken = [run_id for run_id in newest if reader.reading(run_id).faults]
    except UsageError as error:
        return _ill("journals", "journals", error.message, "mend the permissions of that folder")
    if not newest:
        return Item("journals", "journals", "noop", "there is none yet", None)
    if not broken:
        return _well("journals", "journals", "the newest journals are sound")
    words = f"{len(broken)} of the newest journals are not sound: {', '.join(broken)}"
    return _ill("journals", "journals", words, f"rubyops runs verify {broken[0]}")


def _platform(patient: Patient) -> Found:
    """Examine the platform. When `control` does not answer, the driver tells whether it is down."""
    do = f"rubyops up -e {patient.name}"
    try:
        patient.control.freeze()
    except RubyopsError as fault:
        silence = fault.message
    else:
        return _well("platform", "platform", "answers")
    try:
        runs = any(copy.pid for copy in patient.copies())
    except Unreachable as fault:
        return _ill("platform", "platform", fault.message, do)
    if runs:
        return _ill("platform", "platform", f"runs and does not answer: {silence}", do)
    return Item("platform", "platform", "noop", "is down", Remedy(do))


def _stale_lock(patient: Patient) -> Found:
    if not patient.control.reachable():
        return Item("lock", "lock", "noop", "not known: control does not answer", None)
    held = patient.control.lock()
    if held is None:
        return _well("lock", "lock", "free")
    if not held.gone:
        return _well("lock", "lock", f"held by run {held.run_id}")
    do = f"rubyops runs resume {held.run_id} -e {patient.name}"
    return _ill("lock", "lock", f"run {held.run_id} died holding it", do)
