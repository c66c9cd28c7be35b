"""Loads a playbook file: validates all of it before anything runs, and reports every fault."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from rubyops.engine.playbook.document import Document
from rubyops.engine.playbook.names import Library
from rubyops.engine.playbook.parameters import Parameters
from rubyops.engine.playbook.steps import StepReader
from rubyops.errors import PlaybookInvalid, UsageError
from rubyops.model.kinds import KINDS, PlaybookKind
from rubyops.model.step import Playbook, Step
from rubyops.yaml_tree import Fault, Node, Place, in_order, read_tree

SCHEMA = "rubyops.playbook/v1"
TOP_KEYS = ("schema", "name", "title", "kind", "parameters", "steps")
REQUIRED_KEYS = tuple(key for key in TOP_KEYS if key != "parameters")


def load_playbook(path: Path, library: Library, given: Mapping[str, str] | None = None) -> Playbook:
    """Read and validate a playbook file. Raises `PlaybookInvalid`, which lists all faults."""
    return parse_playbook(_read_text(path), str(path), library, given)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        message = f"there is no playbook file {path}"
        raise UsageError(message, next_command="rubyops playbook list") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


def parse_playbook(
    text: str, source: str, library: Library, given: Mapping[str, str] | None = None
) -> Playbook:
    """Validate a playbook's text; `given` holds the parameter values from the command line."""
    document = Document()
    tree = read_tree(text, document.faults)
    playbook = _playbook(document, tree, source, library, given or {}) if tree else None
    if document.faults or playbook is None:
        raise _invalid(source, document.faults)
    return playbook


def _playbook(
    document: Document, root: Node, source: str, library: Library, given: Mapping[str, str]
) -> Playbook | None:
    if document.mapping(root, "a playbook", TOP_KEYS) is None:
        return None
    document.keys(root, TOP_KEYS, required=REQUIRED_KEYS)
    name, title, kind = _heading(document, root)
    parameters = Parameters(document, root, given)
    steps = StepReader(document, library, parameters).steps(root)
    parameters.find_unused()
    _check_first_step(document, kind, steps)
    if document.faults or not (name and title and kind):
        return None
    return Playbook(name, title, kind, tuple(steps), parameters.values, source)


def _heading(document: Document, root: Node) -> tuple[str | None, str | None, PlaybookKind | None]:
    """Return name, title and kind, and check the schema."""
    document.word(root, "schema", allowed=(SCHEMA,))
    kind = document.word(root, "kind", allowed=tuple(KINDS))
    named = document.word(root, "name"), document.word(root, "title")
    return *named, cast("PlaybookKind | None", kind)


def _check_first_step(document: Document, kind: PlaybookKind | None, steps: Sequence[Step]) -> None:
    wanted = KINDS[kind].first_command if kind is not None else None
    if wanted is not None and steps and steps[0].name != wanted:
        words = f"a {kind} playbook freezes as its first step (command: {wanted})"
        document.fault(Place(steps[0].line, 1), f"{words}, found {steps[0].name!r}")


def _invalid(source: str, faults: Sequence[Fault]) -> PlaybookInvalid:
    ordered = in_order(faults)
    told = f"{source} is not a valid playbook ({_counted(ordered)}); nothing was run"
    lines = [told, *(fault.located(source) for fault in ordered)]
    return PlaybookInvalid("\n".join(lines), details={"faults": [*map(_row, ordered)]})


def _counted(faults: Sequence[Fault]) -> str:
    return f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"


def _row(fault: Fault) -> dict[str, object]:
    return {
        "line": fault.place.line,
        "column": fault.place.column,
        "message": fault.message,
    }
