"""Reads the steps of a playbook."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from rubyops.engine.playbook.document import Document, kind_of, part
from rubyops.engine.playbook.names import Library
from rubyops.engine.playbook.parameters import Parameters
from rubyops.engine.playbook.params import type_params
from rubyops.model.step import Step, StepKind
from rubyops.yaml_tree import Node

STEP_KEYS = ("id", "title", "command", "check", "with", "covers")
STEPS_MAX = 200
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True)
class _Head:
    """The fields that commands and checks have in common."""

    id: str
    title: str
    covers: tuple[str, ...]
    line: int

    def step(self, kind: StepKind, name: str, params: object) -> Step:
        return Step(self.id, self.title, kind, name, params, self.covers, self.line)


class StepReader:
    """Reads steps and adds their faults to the document."""

    def __init__(self, document: Document, library: Library, parameters: Parameters) -> None:
        """Use the commands and checks of `library`, and the values of `parameters`."""
        self._document = document
        self._library = library
        self._parameters = parameters
        # A step has exactly one of these keys. The key is the kind of the step.
        self._readers: dict[StepKind, Callable[[Node, _Head, Node | None], Step | None]] = {
            "command": self._command,
            "check": self._check,
        }

    def steps(self, root: Node) -> list[Step]:
        """Return the steps that could be read; add each fault to the document."""
        node = part(root, "steps")
        if node is None or not self._is_a_list(node):
            return []
        steps: dict[str, Step] = {}
        for item in node.value:
            step = self._step(item)
            if step is None:
                continue
            if step.id in steps:
                first = steps[step.id].line
                words = f"step id {step.id!r} stands twice; first on line {first}"
                self._document.fault(item.place, words)
            steps.setdefault(step.id, step)
        return list(steps.values())

    def _is_a_list(self, node: Node) -> bool:
        if not isinstance(node.value, list) or not node.value:
            words = f"steps is a list of at least one step, found {kind_of(node)}"
            self._document.fault(node.place, words)
            return False
        if len(node.value) > STEPS_MAX:
            words = f"{len(node.value)} steps; at most {STEPS_MAX} are allowed"
            self._document.fault(node.place, words)
            return False
        return True

    def _step(self, node: Node) -> Step | None:
        document = self._document
        if document.mapping(node, "a step", STEP_KEYS) is None:
            return None
        document.keys(node, STEP_KEYS, required=("id",))
        head = self._head(node)
        kinds = [kind for kind in self._readers if kind in node.value]
        if len(kinds) != 1:
            listed = " or ".join(f"{kind}:" for kind in self._readers)
            document.fault(node.place, f"a step names exactly one of {listed}")
            return None
        filled = self._parameters.fill(node.value["with"][1]) if "with" in node.value else None
        return self._readers[kinds[0]](node, head, filled)

    def _head(self, node: Node) -> _Head:
        step_id = self._document.word(node, "id")
        if step_id is not None and not _ID.fullmatch(step_id):
            words = "must be lower-case letters, digits and dashes, at most 63"
            self._document.fault(node.value["id"][1].place, f"step id {step_id!r} {words}")
        title = self._document.word(node, "title") or step_id or ""
        return _Head(step_id or "", title, self._covers(node), node.place.line)

    def _covers(self, node: Node) -> tuple[str, ...]:
        found = part(node, "covers")
        if found is None:
            return ()
        ids = found.plain() if isinstance(found.value, list) else None
        if ids is None or not all(isinstance(item, str) for item in ids):
            words = f"covers is a list of source ids such as [PRD-0], found {kind_of(found)}"
            self._document.fault(found.place, words)
            return ()
        return tuple(ids)

    def _command(self, node: Node, head: _Head, filled: Node | None) -> Step | None:
        """Read a command step; None if its name or its parameters are wrong."""
        name = self._document.word(node, "command", allowed=tuple(self._library.commands))
        if name is None:
            return None
        if filled is not None and not isinstance(filled.value, dict):
            words = f"with is a mapping of parameters, found {kind_of(filled)}"
            self._document.fault(filled.place, words)
            return None
        if filled is not None and self._parameters.is_unusable(node.value["with"][1]):
            return None
        params = self._params(name, node, filled or Node({}, node.place))
        return None if params is None else head.step("command", name, params)

    def _params(self, name: str, node: Node, filled: Node) -> object | None:
        given = filled.value
        params = self._library.command(name).params
        typed = type_params(params, {key: value.plain() for key, (_, value) in given.items()})
        for key, message in typed.faults:
            place = given[key][1].place if key in given else node.place
            self._document.fault(place, f"{name}: {message}")
        made: object = None if typed.faults else params(**typed.values)
        return made

    def _check(self, node: Node, head: _Head, filled: Node | None) -> Step | None:
        del filled
        name = self._document.word(node, "check", allowed=tuple(self._library.checks))
        if "with" in node.value:
            at = node.value["with"][0]
            self._document.fault(at.place, "a check takes no parameters; remove with:")
        return None if name is None else head.step("check", name, None)
