"""Topology and policy documents: the saved versions, the active document, and broken rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from rubyops.model.status import Status
from rubyops.ports import HttpAnswer, Read
from rubyops.views.view import Item, View, any_failed
from rubyops.views.wallet import CONFLICT, NOT_FOUND, NOT_READY, PREFIX, accepted
from wallet_runtime.contract.processes import WALLET_SERVICE

Kind = Literal["topology", "policy"]
Ask = Callable[[str, str, Mapping[str, object]], HttpAnswer]


@dataclass(frozen=True)
class SavedTopology:
    """One saved version of a topology, with its state."""

    code: str
    version: int
    state: str

    @property
    def name(self) -> str:
        """The topology's code."""
        return self.code


@dataclass(frozen=True)
class SavedPolicy:
    """One saved version of a policy, its state, and the topology version that it is for."""

    policy_key: str
    version: int
    topology_code: str
    topology_version: int
    state: str

    @property
    def name(self) -> str:
        """The policy's key."""
        return self.policy_key


Saved = SavedTopology | SavedPolicy


@dataclass(frozen=True)
class DocumentsView(View):
    """The saved versions, and the active documents as wallet_service returns them."""

    kind: Kind
    saved: tuple[Saved, ...]
    active: Mapping[str, Any]

    @property
    def schema(self) -> str:
        """The released schema name, which differs for topologies and policies."""
        return f"rubyops.{self.kind}/v1"

    @property
    def results(self) -> tuple[Item[Saved], ...]:
        """One item for each saved version."""
        return tuple(
            Item(
                f"{item.name}/{item.version}",
                f"{item.name} v{item.version}",
                "ok",
                item.state,
                item,
            )
            for item in self.saved
        )

    @property
    def beside(self) -> Mapping[str, object]:
        """The active documents, empty without an active pair."""
        return {"active": self.active}


class Violation(TypedDict):
    """A rule that a document breaks, and the path in the document, as wallet_service reports."""

    rule: str
    path: str
    message: str


@dataclass(frozen=True)
class ViolationFacts:
    """A broken rule, as the details of an item."""

    violation: Violation


@dataclass(frozen=True)
class ValidationView(View):
    """The rules that a document breaks; none for a valid document."""

    schema = "rubyops.document/v1"
    violations: tuple[Violation, ...]

    @property
    def results(self) -> tuple[Item[ViolationFacts], ...]:
        """One item for each broken rule, numbered from 1."""
        return tuple(
            Item(str(number), "rule", "failed", _words(violation), ViolationFacts(violation))
            for number, violation in enumerate(self.violations, 1)
        )

    @property
    def verdict(self) -> Status:
        """`failed` when a rule is broken."""
        return any_failed(self.results)

    @property
    def sentence(self) -> str:
        """The result of the validation in words."""
        return f"{len(self.violations)} x a rule is broken" if self.violations else "valid"


def read_documents(read: Read, kind: Kind) -> DocumentsView:
    """List the saved versions, and fetch the active document. Raises `Unreachable`."""
    saved = _saved(read, kind)
    answer = read.get(WALLET_SERVICE, f"{PREFIX}/{kind}/active")
    active = accepted(answer, allowed=(NOT_FOUND, CONFLICT, NOT_READY))
    return DocumentsView(kind, saved, active or {})


def _saved(read: Read, kind: Kind) -> tuple[Saved, ...]:
    if kind == "topology":
        return tuple(SavedTopology(**row) for row in read.rows("facts_topologies"))
    return tuple(SavedPolicy(**row) for row in read.rows("facts_policies"))


def validate(ask: Ask, topology: Any, policy: Any) -> ValidationView:
    """Ask wallet_service which rules the given documents break. Nothing is saved."""
    given = {"topology_document": topology, "policy_document": policy}
    sent = {name: document for name, document in given.items() if document is not None}
    answer = ask(WALLET_SERVICE, f"{PREFIX}/topology/validate", sent)
    body = accepted(answer) or {}
    return ValidationView(tuple(body.get("violations", [])))


def _words(violation: Violation | str) -> str:
    if isinstance(violation, str):
        return violation
    told: Mapping[str, object] = {**violation}
    return " ".join(str(told[name]) for name in ("rule", "path", "message") if name in told)
