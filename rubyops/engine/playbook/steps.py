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
            if step is not None:
                self._add(step, item, steps)
        return list(steps.values())

    def _add(self, step: Step, node: Node, steps: dict[str, Step]) -> None:
        first = steps.setdefault(step.id, step)
        if first is not step:
            words = f"step id {step.id!r} stands twice; first on line {first.line}"
            self._document.fault(node.place, words)

    def _is_a_list(self, node: Node) -> bool:
        trouble = _trouble_of_list(node)
        if trouble:
            self._document.fault(node.place, trouble)
        return not trouble

    def _step(self, node: Node) -> Step | None:
        if self._document.mapping(node, "a step", STEP_KEYS) is None:
            return None
        self._document.keys(node, STEP_KEYS, required=("id",))
        head, kind = self._head(node), self._kind(node)
        if kind is None:
            return None
        given = part(node, "with")
        filled = self._parameters.fill(given) if given is not None else None
        return self._readers[kind](node, head, filled)

    def _kind(self, node: Node) -> StepKind | None:
        kinds = [kind for kind in self._readers if kind in node.value]
        if len(kinds) == 1:
            return kinds[0]
        listed = " or ".join(f"{kind}:" for kind in self._readers)
        self._document.fault(node.place, f"a step names exactly one of {listed}")
        return None

    def _head(self, node: Node) -> _Head:
        step_id = self._id(node)
        title = self._document.word(node, "title") or step_id
        return _Head(step_id, title, self._covers(node), node.place.line)

    def _id(self, node: Node) -> str:
        step_id = self._document.word(node, "id")
        if step_id is not None and not _ID.fullmatch(step_id):
            words = "must be lower-case letters, digits and dashes, at most 63"
            self._document.fault(node.value["id"][1].place, f"step id {step_id!r} {words}")
        return step_id or ""

    def _covers(self, node: Node) -> tuple[str, ...]:
        found = part(node, "covers")
        if found is None:
            return ()
        if _is_list_of_text(found):
            return tuple(found.plain())
        words = f"covers is a list of source ids such as [PRD-0], found {kind_of(found)}"
        self._document.fault(found.place, words)
        return ()

    def _command(self, node: Node, head: _Head, filled: Node | None) -> Step | None:
        """Read a command step; None if its name or its parameters are wrong."""
        name = self._document.word(node, "command", allowed=tuple(self._library.commands))
        given = filled or Node({}, node.place)
        if name is None or not self._is_usable(node, given):
            return None
        params = self._params(name, node, given)
        return None if params is None else head.step("command", name, params)

    def _is_usable(self, node: Node, filled: Node) -> bool:
        if not isinstance(filled.value, dict):
            words = f"with is a mapping of parameters, found {kind_of(filled)}"
            self._document.fault(filled.place, words)
            return False
        return "with" not in node.value or not self._parameters.is_unusable(node.value["with"][1])

    def _params(self, name: str, node: Node, filled: Node) -> object | None:
        params = self._library.command(name).params
        typed = type_params(params, filled.plain())
        for key, message in typed.faults:
            at = filled.value[key][1] if key in filled.value else node
            self._document.fault(at.place, f"{name}: {message}")
        made: object = None if typed.faults else params(**typed.values)
        return made

    def _check(self, node: Node, head: _Head, filled: Node | None) -> Step | None:
        del filled
        name = self._document.word(node, "check", allowed=tuple(self._library.checks))
        if "with" in node.value:
            at = node.value["with"][0]
            self._document.fault(at.place, "a check takes no parameters; remove with:")
        return None if name is None else head.step("check", name, None)


def _trouble_of_list(node: Node) -> str:
    if not isinstance(node.value, list) or not node.value:
        return f"steps is a list of at least one step, found {kind_of(node)}"
    if len(node.value) > STEPS_MAX:
        return f"{len(node.value)} steps; at most {STEPS_MAX} are allowed"
    return ""


def _is_list_of_text(node: Node) -> bool:
    return isinstance(node.value, list) and all(isinstance(item.value, str) for item in node.value)
