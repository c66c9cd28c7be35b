"""Reads and validates the environments file.

An error message names file, line and column, the value found there, and the allowed values.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from rubyops.errors import UsageError
from rubyops.model.environment import (
    DEFAULT_ENVIRONMENT,
    DriverName,
    Environment,
    EnvironmentKind,
    TopologyCode,
)
from rubyops.model.secret import Secret
from rubyops.yaml_tree import Fault, Node, read_tree

SCHEMA = "rubyops.environments/v1"
FILE_VARIABLE = "RUBYOPS_ENVIRONMENTS"
HOME_VARIABLE = "RUBYOPS_HOME"
# The environment variables for the URLs that an entry of the file lacks.
URL_VARIABLES = {"database_url": "DATABASE_URL", "redis_url": "REDIS_URL"}
ROOT_HOME = Path("/var/lib/rubyops")
CHECKOUT = Path(__file__).resolve().parent.parent
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_FAULT_PATH = re.compile(r" - at `\$\.?(.*)`$")
_UNKNOWN_KEY = re.compile(r"unknown field `(.*?)`")


class _Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    kind: EnvironmentKind
    driver: DriverName
    topology: TopologyCode
    copies: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1
    seed_players: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 100_000
    confirm: bool = True
    database_url: str | None = None
    redis_url: str | None = None


def environment(name: str | None = None) -> Environment:
    """Return the named environment, or `local` without a name.

    Raises `UsageError` for an unknown name, and for an invalid file.
    """
    known = load_environments()
    wanted = name or DEFAULT_ENVIRONMENT
    if wanted not in known:
        raise UsageError(
            f"There is no environment {wanted!r} in {environments_file()}; "
            f"it has: {', '.join(known)}."
        )
    return known[wanted]


def environments_file() -> Path:
    """Return the path in RUBYOPS_ENVIRONMENTS, else of the file that comes with rubyops."""
    return Path(os.environ.get(FILE_VARIABLE) or Path(__file__).parent / "environments.yaml")


def load_environments(path: Path | None = None) -> dict[str, Environment]:
    """Read every environment of the file. Raises `UsageError`, which lists all faults."""
    source = path or environments_file()
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(
            f"The environments file {source} cannot be read: {fault}. "
            f"Mend it, or unset {FILE_VARIABLE}."
        ) from None
    faults: list[Fault] = []
    root = read_tree(text, faults)
    entries = _entries(root, faults) if root is not None else {}
    if faults:
        ordered = sorted(faults, key=lambda fault: (fault.place.line, fault.place.column))
        lines = [
            f"{source}:{fault.place.line}:{fault.place.column}: {fault.message}"
            for fault in ordered
        ]
        raise UsageError(
            "\n".join(["The environments file is not valid; nothing was done.", *lines])
        )
    return {name: _environment(name, entry) for name, entry in entries.items()}


def state_home(name: str) -> Path:
    """Return the folder of an environment.

    Its parent is RUBYOPS_HOME if set, else a folder in /var/lib for root, else `.rubyops` in the
    checkout.
    """
    return _homes() / name


def results_home() -> Path:
    """Return the folder of the recorded test results.

    Its name begins with a dot, so no environment can have the same name.
    """
    return _homes() / ".results"


def _homes() -> Path:
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return Path(named).absolute()
    if os.geteuid() == 0:
        return (
            ROOT_HOME / f"{CHECKOUT.name}-{hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]}"
        )
    return CHECKOUT / ".rubyops"


def _environment(name: str, entry: _Entry) -> Environment:
    urls = {
        key: Secret(url)
        for key, variable in URL_VARIABLES.items()
        if (url := getattr(entry, key) or os.environ.get(variable))
    }
    return Environment(
        name,
        entry.kind,
        entry.driver,
        entry.topology,
        entry.copies,
        entry.seed_players,
        entry.confirm,
        state_home(name),
        **urls,
    )


def _entries(root: Node, faults: list[Fault]) -> dict[str, _Entry]:
    top = root.value if isinstance(root.value, dict) else {}
    for key, (at, _) in top.items():
        if key not in ("schema", "environments"):
            faults.append(Fault(at.place, f"unknown key {key!r} (allowed: schema, environments)"))
    schema = top["schema"][1] if "schema" in top else root
    if schema.value != SCHEMA:
        found = repr(schema.value) if schema is not root else "nothing"
        faults.append(Fault(schema.place, f"schema is {found} (allowed: {SCHEMA})"))
    listed = top["environments"][1] if "environments" in top else root
    if listed is root or not isinstance(listed.value, dict) or not listed.value:
        faults.append(
            Fault(
                listed.place, "environments must be a mapping of at least one name to its settings"
            )
        )
        return {}
    entries = {name: _entry(name, at, node, faults) for name, (at, node) in listed.value.items()}
    return {name: entry for name, entry in entries.items() if entry is not None}


def _entry(name: str, at: Node, node: Node, faults: list[Fault]) -> _Entry | None:
    if not _NAME.fullmatch(name):
        faults.append(
            Fault(
                at.place,
                f"environment name {name!r} "
                "(allowed: a small letter, then up to 31 of a-z, 0-9 and -)",
            )
        )
    try:
        return msgspec.convert(node.plain(), _Entry)
    except msgspec.ValidationError as fault:
        faults.append(_placed(str(fault), node))
        return None


def _placed(message: str, node: Node) -> Fault:
    entries: Mapping[str, tuple[Node, Node]] = node.value if isinstance(node.value, dict) else {}
    unknown, path = _UNKNOWN_KEY.search(message), _FAULT_PATH.search(message)
    key = unknown[1] if unknown else path[1] if path else ""
    text = _FAULT_PATH.sub("", message)
    if unknown or key not in entries:
        place = entries[key][0].place if key in entries else node.place
        return Fault(place, f"{text} (allowed: {', '.join(_Entry.__struct_fields__)})")
    _, value = entries[key]
    found = f"{text}, found {value.plain()!r}"
    return Fault(value.place, f"{key}: {found} (allowed: {_allowed(key)})")


def _allowed(key: str) -> str:
    """Return the allowed values of a setting in words, derived from its type."""
    hint: Any = _Entry.__annotations__[key]
    if get_origin(hint) is Literal:
        return ", ".join(get_args(hint))
    if hint is bool:
        return "true, false"
    if get_origin(hint) is Annotated:
        (bounds,) = hint.__metadata__
        return f"{bounds.ge} to {bounds.le}"
    return "a URL"
