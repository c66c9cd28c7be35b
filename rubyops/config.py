"""Reads and validates the environments file.

An error message names file, line and column, the value found there, and the allowed values.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
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
from rubyops.yaml_tree import Fault, Node, Place, in_order, read_tree

SCHEMA = "rubyops.environments/v1"
FILE_VARIABLE = "RUBYOPS_ENVIRONMENTS"
HOME_VARIABLE = "RUBYOPS_HOME"
# The environment variables for the URLs that an entry of the file lacks.
URL_VARIABLES = {"database_url": "DATABASE_URL", "redis_url": "REDIS_URL"}
ROOT_HOME = Path("/var/lib/rubyops")
INVALID = "The environments file is not valid; nothing was done."
CHECKOUT = Path(__file__).resolve().parent.parent
TOP_KEYS = ("schema", "environments")
NO_ENVIRONMENTS = "environments must be a mapping of at least one name to its settings"
NAME_RULE = "a small letter, then up to 31 of a-z, 0-9 and -"
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
    faults: list[Fault] = []
    root = read_tree(_read_text(source), faults)
    entries = _entries(root, faults) if root is not None else {}
    if faults:
        lines = [fault.located(str(source)) for fault in in_order(faults)]
        raise UsageError("\n".join([INVALID, *lines]))
    return {name: _environment(name, entry) for name, entry in entries.items()}


def _read_text(source: Path) -> str:
    try:
        return source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(
            f"The environments file {source} cannot be read: {fault}. "
            f"Mend it, or unset {FILE_VARIABLE}."
        ) from None


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
    return _root_home() if os.geteuid() == 0 else CHECKOUT / ".rubyops"


def _root_home() -> Path:
    digest = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()
    return ROOT_HOME / f"{CHECKOUT.name}-{digest[:8]}"


def _environment(name: str, entry: _Entry) -> Environment:
    return Environment(
        name,
        entry.kind,
        entry.driver,
        entry.topology,
        entry.copies,
        entry.seed_players,
        entry.confirm,
        state_home(name),
        **_urls(entry),
    )


def _urls(entry: _Entry) -> dict[str, Secret]:
    return {
        key: Secret(url)
        for key, variable in URL_VARIABLES.items()
        if (url := getattr(entry, key) or os.environ.get(variable))
    }


def _entries(root: Node, faults: list[Fault]) -> dict[str, _Entry]:
    top = root.value if isinstance(root.value, dict) else {}
    faults.extend(_unknown_keys(top))
    faults.extend(_wrong_schema(top, root.place))
    _, listed = top.get("environments", (root, Node(None, root.place)))
    if not isinstance(listed.value, dict) or not listed.value:
        faults.append(Fault(listed.place, NO_ENVIRONMENTS))
        return {}
    return _listed(listed.value, faults)


def _wrong_schema(top: Mapping[str, tuple[Node, Node]], beginning: Place) -> Iterator[Fault]:
    if "schema" not in top:
        yield Fault(beginning, f"schema is nothing (allowed: {SCHEMA})")
    elif top["schema"][1].value != SCHEMA:
        _, schema = top["schema"]
        yield Fault(schema.place, f"schema is {schema.value!r} (allowed: {SCHEMA})")


def _unknown_keys(top: Mapping[str, tuple[Node, Node]]) -> list[Fault]:
    return [
        Fault(at.place, f"unknown key {key!r} (allowed: {', '.join(TOP_KEYS)})")
        for key, (at, _) in top.items()
        if key not in TOP_KEYS
    ]


def _listed(named: Mapping[str, tuple[Node, Node]], faults: list[Fault]) -> dict[str, _Entry]:
    entries = {name: _entry(name, at, node, faults) for name, (at, node) in named.items()}
    return {name: entry for name, entry in entries.items() if entry is not None}


def _entry(name: str, at: Node, node: Node, faults: list[Fault]) -> _Entry | None:
    if not _NAME.fullmatch(name):
        faults.append(Fault(at.place, f"environment name {name!r} (allowed: {NAME_RULE})"))
    try:
        return msgspec.convert(node.plain(), _Entry)
    except msgspec.ValidationError as fault:
        faults.append(_placed(str(fault), node))
        return None


def _placed(message: str, node: Node) -> Fault:
    """Return the fault of a validation message, with the place and the allowed values."""
    entries: Mapping[str, tuple[Node, Node]] = node.value if isinstance(node.value, dict) else {}
    unknown, text = _UNKNOWN_KEY.search(message), _FAULT_PATH.sub("", message)
    key = unknown[1] if unknown else _path_of(message)
    if not unknown and key in entries:
        return _wrong_value(key, entries[key][1], text)
    place = entries[key][0].place if key in entries else node.place
    return Fault(place, f"{text} (allowed: {', '.join(_Entry.__struct_fields__)})")


def _wrong_value(key: str, value: Node, text: str) -> Fault:
    found = f"{text}, found {value.plain()!r}"
    return Fault(value.place, f"{key}: {found} (allowed: {_allowed(key)})")


def _path_of(message: str) -> str:
    path = _FAULT_PATH.search(message)
    return path[1] if path else ""


def _allowed(key: str) -> str:
    """Return the allowed values of a setting in words, derived from its type."""
    hint: Any = _Entry.__annotations__[key]
    if get_origin(hint) is Literal:
        return ", ".join(get_args(hint))
    if get_origin(hint) is Annotated:
        return _range(hint.__metadata__[0])
    return "true, false" if hint is bool else "a URL"


def _range(bounds: msgspec.Meta) -> str:
    return f"{bounds.ge} to {bounds.le}"
