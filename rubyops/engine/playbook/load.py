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
from rubyops.yaml_tree import Fault, Node, Place, read_tree

SCHEMA = "rubyops.playbook/v1"
TOP_KEYS = ("schema", "name", "title", "kind", "parameters", "steps")


def load_playbook(path: Path, library: Library, given: Mapping[str, str] | None = None) -> Playbook:
    """Read and validate a playbook file. Raises `PlaybookInvalid`, which lists all faults."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        message = f"there is no playbook file {path}"
        raise UsageError(message, next_command="rubyops playbook list") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    return parse_playbook(text, str(path), library, given)


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
    document.keys(root, TOP_KEYS, required=("schema", "name", "title", "kind", "steps"))
    schema = document.word(root, "schema", allowed=(SCHEMA,))
    name, title = document.word(root, "name"), document.word(root, "title")
    kind = cast("PlaybookKind | None", document.word(root, "kind", allowed=tuple(KINDS)))
    parameters = Parameters(document, root, given)
    steps = StepReader(document, library, parameters).steps(root)
    parameters.find_unused()
    _check_first_step(document, kind, steps)
    if document.faults or schema is None or name is None or title is None or kind is None:
        return None
    return Playbook(name, title, kind, tuple(steps), parameters.values, source)


def _check_first_step(document: Document, kind: PlaybookKind | None, steps: Sequence[Step]) -> None:
    first = KINDS[kind].first_command if kind is not None else None
    if first is not None and steps and steps[0].name != first:
        document.fault(
            Place(steps[0].line, 1),
            f"a {kind} playbook freezes as its first step (command: {first}), "
            f"found {steps[0].name!r}",
        )


def _invalid(source: str, faults: Sequence[Fault]) -> PlaybookInvalid:
    ordered = sorted(faults, key=lambda fault: (fault.place.line, fault.place.column))
    counted = f"{len(ordered)} fault{'s' if len(ordered) > 1 else ''}"
    lines = [
        f"{source}:{fault.place.line}:{fault.place.column}: {fault.message}" for fault in ordered
    ]
    rows = [
        {"line": fault.place.line, "column": fault.place.column, "message": fault.message}
        for fault in ordered
    ]
    told = f"{source} is not a valid playbook ({counted}); nothing was run"
    return PlaybookInvalid("\n".join([told, *lines]), details={"faults": rows})
