"""Loads a playbook: types the whole file before anything runs, or refuses it with every fault, its place and what is allowed."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, cast, get_args, get_type_hints

import msgspec

from rubyops.errors import PlaybookInvalid, UsageError
from rubyops.model.kinds import KINDS, PlaybookKind
from rubyops.model.step import Check, Command, Playbook, Step
from rubyops.yaml_tree import Fault, Node, Place, read_tree
from wallet_runtime.contract.text import acts

SCHEMA = "rubyops.playbook/v1"
TOP_KEYS = ("schema", "name", "title", "kind", "parameters", "steps")
STEP_KEYS = ("id", "title", "command", "check", "with", "covers")
PARAMETER_KEYS = ("type", "default", "allowed", "help")
PARAMETER_TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool}
_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_STEPS_MAX = 200


@dataclass(frozen=True)
class Library:
    """The names that a playbook may use, and how to get at what they name."""

    commands: Sequence[str]
    checks: Sequence[str]
    command: Callable[[str], Command[Any]]
    check: Callable[[str], Check]


def load_playbook(path: Path, library: Library, given: Mapping[str, str] | None = None) -> Playbook:
    """Read and type a playbook file; raises `PlaybookInvalid` with all of its faults at once."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"there is no playbook file {path}", next_command="rubyops playbook list"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    return parse_playbook(text, str(path), library, given)


def parse_playbook(
    text: str, source: str, library: Library, given: Mapping[str, str] | None = None
) -> Playbook:
    """Type a playbook's text; `given` holds parameter values as typed by a person."""
    reader = _Reader(library)
    tree = read_tree(text, reader.faults)
    playbook = reader.playbook(tree, source, given or {}) if tree is not None else None
    if reader.faults or playbook is None:
        ordered = sorted(reader.faults, key=lambda fault: (fault.place.line, fault.place.column))
        lines = [
            f"{source}:{fault.place.line}:{fault.place.column}: {fault.message}"
            for fault in ordered
        ]
        raise PlaybookInvalid(
            "\n".join(
                [
                    f"{source} is not a valid playbook ({len(lines)} fault{'s' if len(lines) > 1 else ''}); nothing was run",
                    *lines,
                ]
            ),
            details={
                "faults": [
                    {"line": f.place.line, "column": f.place.column, "message": f.message}
                    for f in ordered
                ]
            },
        )
    return playbook


def suggest(word: str, known: Sequence[str]) -> str:
    """Say which of the known names may have been meant."""
    near = difflib.get_close_matches(word, known, n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def type_params(
    params: type, values: Mapping[str, Any]
) -> tuple[dict[str, Any], list[tuple[str | None, str]]]:
    """Convert values into the fields of a Params dataclass; return them and the faults as (field or None, message)."""
    hints = get_type_hints(params, include_extras=True)
    known = {field.name.replace("_", "-"): field for field in fields(params)}
    typed: dict[str, Any] = {}
    wrong: list[tuple[str | None, str]] = []
    for key, value in values.items():
        field = known.get(key.replace("_", "-"))
        if field is None:
            wrong.append(
                (
                    key,
                    f"unknown parameter {key!r}{suggest(key, list(known))} (allowed: {', '.join(known) or 'none'})",
                )
            )
            continue
        try:
            typed[field.name] = msgspec.convert(value, hints[field.name], strict=True)
            if isinstance(value, str) and acts(value):
                wrong.append(
                    (
                        key,
                        f"parameter {key!r} holds a control character, found {value[:40]!r} (allowed: printable text)",
                    )
                )
        except msgspec.ValidationError as error:
            wrong.append(
                (
                    key,
                    f"parameter {key!r}: {str(error).lower()}, found {value!r}{_allowed(hints[field.name])}",
                )
            )
    named = {known[key.replace("_", "-")].name for key in values if key.replace("_", "-") in known}
    for field in fields(params):
        if (
            field.default is MISSING
            and field.default_factory is MISSING
            and field.name not in named
        ):
            wrong.append((None, f"parameter {field.name.replace('_', '-')!r} is missing"))
    return typed, wrong


def _allowed(hint: Any) -> str:
    words = [value for value in get_args(hint) if isinstance(value, str)]
    return f" (allowed: {', '.join(words)})" if words else ""


class _Reader:
    """Walks one document and keeps every fault it meets."""

    def __init__(self, library: Library) -> None:
        self.known = library
        self.faults: list[Fault] = []
        self.used: set[str] = set()
        self.unusable: set[str] = set()

    def fault(self, place: Place, message: str) -> None:
        self.faults.append(Fault(place, message))

    def playbook(self, root: Node, source: str, given: Mapping[str, str]) -> Playbook | None:
        if not isinstance(root.value, dict):
            self.fault(
                root.place,
                f"a playbook is a mapping (allowed keys: {', '.join(TOP_KEYS)}), found {_kind(root)}",
            )
            return None
        self.keys(root, TOP_KEYS, required=("schema", "name", "title", "kind", "steps"))
        schema = self.word(root, "schema", allowed=(SCHEMA,))
        name, title = self.word(root, "name"), self.word(root, "title")
        kind = self.word(root, "kind", allowed=tuple(KINDS))
        parameters, places = self.parameters(root, given)
        steps = self.steps(root, parameters)
        for parameter in parameters:
            if parameter not in self.used:
                self.fault(
                    places[parameter],
                    f"parameter {parameter!r} is declared but never used as ${{{parameter}}}",
                )
        self.first_step(kind, steps)
        if self.faults or schema is None or name is None or title is None:
            return None
        return Playbook(name, title, kind, tuple(steps), parameters, source)  # type: ignore[arg-type]

    def first_step(self, kind: str | None, steps: Sequence[Step]) -> None:
        rules = KINDS.get(cast("PlaybookKind", kind))
        first = rules.first_command if rules is not None else None
        if first is not None and steps and steps[0].name != first:
            self.fault(
                Place(steps[0].line, 1),
                f"a {kind} playbook freezes as its first step (command: {first}), "
                f"found {steps[0].name!r}",
            )

    def keys(self, node: Node, allowed: Sequence[str], *, required: Sequence[str] = ()) -> None:
        for key, (at, _) in node.value.items():
            if key not in allowed:
                self.fault(
                    at.place,
                    f"unknown key {key!r}{suggest(key, allowed)} (allowed: {', '.join(allowed)})",
                )
        for key in required:
            if key not in node.value:
                self.fault(node.place, f"key {key!r} is missing")

    def word(self, node: Node, key: str, *, allowed: Sequence[str] = ()) -> str | None:
        if key not in node.value:
            return None
        found = node.value[key][1]
        if not isinstance(found.value, str) or not found.value:
            self.fault(found.place, f"{key} must be text, found {_kind(found)} {found.plain()!r}")
            return None
        if allowed and found.value not in allowed:
            self.fault(
                found.place,
                f"{key} {found.value!r} is not known{suggest(found.value, allowed)} (allowed: {', '.join(allowed)})",
            )
            return None
        return str(found.value)

    def parameters(
        self, root: Node, given: Mapping[str, str]
    ) -> tuple[dict[str, Any], dict[str, Place]]:
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        declared = root.value["parameters"][1] if "parameters" in root.value else None
        if declared is not None and not isinstance(declared.value, dict):
            self.fault(declared.place, f"parameters is a mapping of names, found {_kind(declared)}")
            declared = None
        for name, (at, node) in declared.value.items() if declared is not None else ():
            places[name] = at.place
            faults = len(self.faults)
            values[name] = self.parameter(name, node, given.get(name))
            if len(self.faults) > faults:
                self.unusable.add(name)
        for name in given:
            if name not in values:
                self.fault(
                    root.place,
                    f"parameter {name!r} was given{suggest(name, list(values))} (declared: {', '.join(values) or 'none'})",
                )
        return values, places

    def parameter(self, name: str, node: Node, given: str | None) -> Any:
        if not isinstance(node.value, dict):
            self.fault(
                node.place,
                f"parameter {name!r} is a mapping (allowed keys: {', '.join(PARAMETER_KEYS)}), found {_kind(node)}",
            )
            return None
        self.keys(node, PARAMETER_KEYS, required=("type",))
        kind = self.word(node, "type", allowed=tuple(PARAMETER_TYPES))
        if kind is None:
            return None
        at = node.value["default"][1] if "default" in node.value else None
        if given is None and at is None:
            self.fault(
                node.place,
                f"parameter {name!r} has no default and no value was given (--set {name}=...)",
            )
            return None
        found: Any = given if given is not None or at is None else at.plain()
        try:
            # What a person typed on a command line is text, and may be read as a number; what stands in the file may not.
            value: Any = msgspec.convert(found, PARAMETER_TYPES[kind], strict=given is None)
        except msgspec.ValidationError:
            self.fault(
                at.place if at and given is None else node.place,
                f"parameter {name!r} must be of type {kind}, found {found!r}",
            )
            return None
        return self.admitted(name, value, node)

    def admitted(self, name: str, value: Any, node: Node) -> Any:
        if "allowed" not in node.value:
            return value
        listed = node.value["allowed"][1]
        allowed = listed.plain()
        if not isinstance(allowed, list) or not allowed:
            self.fault(
                listed.place,
                f"allowed of parameter {name!r} is a list of values, found {_kind(listed)}",
            )
        elif value not in allowed:
            self.fault(
                node.place,
                f"parameter {name!r} is {value!r} (allowed: {', '.join(map(str, allowed))})",
            )
        return value

    def steps(self, root: Node, parameters: Mapping[str, Any]) -> list[Step]:
        node = root.value["steps"][1] if "steps" in root.value else None
        if node is None:
            return []
        if not isinstance(node.value, list) or not node.value:
            self.fault(node.place, f"steps is a list of at least one step, found {_kind(node)}")
            return []
        if len(node.value) > _STEPS_MAX:
            self.fault(node.place, f"{len(node.value)} steps; at most {_STEPS_MAX} are allowed")
            return []
        seen: dict[str, int] = {}
        steps = []
        for item in node.value:
            step = self.step(item, parameters)
            if step is None:
                continue
            if step.id in seen:
                self.fault(
                    item.place, f"step id {step.id!r} stands twice; first on line {seen[step.id]}"
                )
            seen.setdefault(step.id, step.line)
            steps.append(step)
        return steps

    def step(self, node: Node, parameters: Mapping[str, Any]) -> Step | None:
        if not isinstance(node.value, dict):
            self.fault(
                node.place,
                f"a step is a mapping (allowed keys: {', '.join(STEP_KEYS)}), found {_kind(node)}",
            )
            return None
        self.keys(node, STEP_KEYS, required=("id",))
        step_id = self.word(node, "id")
        if step_id is not None and not _ID.fullmatch(step_id):
            self.fault(
                node.value["id"][1].place,
                f"step id {step_id!r} must be lower-case letters, digits and dashes, at most 63",
            )
        title = self.word(node, "title") or step_id or ""
        covers = self.covers(node)
        if ("command" in node.value) == ("check" in node.value):
            self.fault(node.place, "a step names exactly one of command: or check:")
            return None
        filled = self.fill(node.value["with"][1], parameters) if "with" in node.value else None
        if "command" in node.value:
            return self.command_step(node, step_id or "", title, covers, filled)
        return self.check_step(node, step_id or "", title, covers)

    def command_step(
        self, node: Node, step_id: str, title: str, covers: tuple[str, ...], filled: Node | None
    ) -> Step | None:
        name = self.word(node, "command", allowed=tuple(self.known.commands))
        if name is None:
            return None
        place = filled.place if filled is not None else node.place
        if filled is not None and not isinstance(filled.value, dict):
            self.fault(place, f"with is a mapping of parameters, found {_kind(filled)}")
            return None
        given = filled.value if filled is not None else {}
        params = self.known.command(name).params
        if self.unusable.intersection(
            _REFERENCE.findall(str(node.value["with"][1].plain()) if filled is not None else "")
        ):
            # A parameter that is itself at fault was reported already; what it fills cannot be judged.
            return None
        typed, wrong = type_params(
            params, {key: value.plain() for key, (_, value) in given.items()}
        )
        for key, message in wrong:
            self.fault(given[key][1].place if key in given else node.place, f"{name}: {message}")
        return (
            None
            if wrong
            else Step(step_id, title, "command", name, params(**typed), covers, node.place.line)
        )

    def check_step(
        self, node: Node, step_id: str, title: str, covers: tuple[str, ...]
    ) -> Step | None:
        name = self.word(node, "check", allowed=tuple(self.known.checks))
        if "with" in node.value:
            self.fault(node.value["with"][0].place, "a check takes no parameters; remove with:")
        return (
            None
            if name is None
            else Step(step_id, title, "check", name, None, covers, node.place.line)
        )

    def covers(self, node: Node) -> tuple[str, ...]:
        if "covers" not in node.value:
            return ()
        found = node.value["covers"][1]
        if not isinstance(found.value, list) or not all(
            isinstance(item.value, str) for item in found.value
        ):
            self.fault(
                found.place, f"covers is a list of source ids such as [PRD-0], found {_kind(found)}"
            )
            return ()
        return tuple(found.plain())

    def fill(self, node: Node, parameters: Mapping[str, Any]) -> Node:
        if isinstance(node.value, dict):
            return Node(
                {
                    key: (at, self.fill(value, parameters))
                    for key, (at, value) in node.value.items()
                },
                node.place,
            )
        if isinstance(node.value, list):
            return Node([self.fill(value, parameters) for value in node.value], node.place)
        return (
            Node(self.substitute(node, parameters), node.place)
            if isinstance(node.value, str)
            else node
        )

    def substitute(self, node: Node, parameters: Mapping[str, Any]) -> Any:
        for name in _REFERENCE.findall(node.value):
            self.used.add(name)
            if name not in parameters:
                known = list(parameters)
                self.fault(
                    node.place,
                    f"${{{name}}} is not a declared parameter{suggest(name, known)} (declared: {', '.join(known) or 'none'})",
                )
                return node.value
        whole = _REFERENCE.fullmatch(node.value)
        # A value that is one reference keeps the parameter's type; inside other text it becomes text.
        return (
            parameters[whole[1]]
            if whole
            else _REFERENCE.sub(lambda match: str(parameters[match[1]]), node.value)
        )


def _kind(node: Node) -> str:
    names = {
        dict: "a mapping",
        list: "a list",
        str: "text",
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        type(None): "nothing",
    }
    return names[type(node.value)]
