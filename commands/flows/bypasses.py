"""GATE-4: each role of the platform logs in and tries to write; every attempt must be refused.

The flow starts only after GATE-4's check found no wrong right in the catalog, and each attempt is
rolled back. The gate stays undecided if a role cannot log in or an attempt gets no answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from checks._answer import SAMPLES
from checks.release import gate_04
from checks.release._wallet_rights import PLATFORM_ROLES
from checks.release._ways import Relation, guarded, may_write
from commands.flows.gates import demand
from rubyops.errors import CheckFailed, Inconclusive, Unreachable
from rubyops.ports import Actor, Attempt, AttemptAnswer

TITLE = "GATE-4"
TABLES = ("r", "p")
# Statements that only an owner or a superuser may run. Those in ONCE are tried once for each role,
# those in ON_EACH once for each role and table.
ONCE = {
    "attempt_become_owner": "SET ROLE wallet_owner",
    "attempt_replica_mode": "SET session_replication_role",
    "attempt_replace_function": "CREATE OR REPLACE FUNCTION wallet.assert_fence",
    "attempt_create_table": "CREATE TABLE in schema wallet",
}
ON_EACH = {
    "attempt_delete": "DELETE",
    "attempt_truncate": "TRUNCATE",
    "attempt_disable_triggers": "ALTER TABLE DISABLE TRIGGER",
}


@dataclass(frozen=True)
class Trial:
    """An attempt, and its action in words for messages."""

    action: str
    attempt: Attempt


@dataclass
class Tally:
    """The result of all trials. `allowed` and `open` have a sentence for each trial in question."""

    tried: int = 0
    refused: int = 0
    allowed: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def count(self, role: str, trials: Sequence[Trial], answers: Sequence[AttemptAnswer]) -> None:
        """Add the answers that one role got."""
        self.tried += len(trials)
        for trial, answer in zip(trials, answers, strict=True):
            words = f"{role}: {trial.action} was not refused: {answer.reason}"
            if answer.outcome == "refused":
                self.refused += 1
            elif answer.outcome == "allowed":
                self.allowed.append(words)
            else:
                self.open.append(words)


def refused(actor: Actor) -> dict[str, object]:
    """Try, as every role, to write every table, and to gain the right to write.

    Raises `CheckFailed` if an attempt succeeds.
    """
    demand(TITLE, gate_04.audit(actor.read))
    relations = [relation for relation in guarded(actor.read) if relation.kind in TABLES]
    tally = Tally()
    for role in PLATFORM_ROLES:
        _try_as(role, actor, relations, tally)
    facts: dict[str, object] = {
        "roles": len(PLATFORM_ROLES),
        "relations": len(relations),
        "attempts": tally.tried,
        "refused": tally.refused,
        "trace": "none: every attempt was rolled back",
    }
    _demand_refusals(tally, facts)
    return facts


def _try_as(role: str, actor: Actor, relations: Sequence[Relation], tally: Tally) -> None:
    trials = list(_trials(role, relations))
    try:
        tally.count(role, trials, actor.as_role(role, [trial.attempt for trial in trials]))
    except Unreachable as error:
        tally.open.append(f"{role}: nothing was tried: {error.message}")


def _demand_refusals(tally: Tally, facts: dict[str, object]) -> None:
    if tally.allowed:
        raise CheckFailed(
            f"{TITLE}: writes that a role was not refused: {len(tally.allowed)}; "
            f"first: {tally.allowed[0]}",
            details={**facts, "samples": tally.allowed[:SAMPLES]},
        )
    if tally.open or not tally.tried:
        first = tally.open[0] if tally.open else "there was nothing to try"
        raise Inconclusive(
            f"{TITLE}: attempts that prove nothing: {len(tally.open)}; first: {first}",
            details={**facts, "samples": tally.open[:SAMPLES]},
        )


def _trials(role: str, relations: Sequence[Relation]) -> Iterator[Trial]:
    for query, action in ONCE.items():
        yield Trial(action, Attempt(query))
    for relation in relations:
        yield from _trials_of(role, relation)


def _trials_of(role: str, relation: Relation) -> Iterator[Trial]:
    names = {"table": (relation.schema, relation.table)}
    if not may_write(role, "INSERT", relation.name):
        yield Trial(f"INSERT on {relation.name}", Attempt("attempt_insert", names))
    for column in relation.columns:
        if not may_write(role, "UPDATE", relation.name, column):
            yield _update(relation, column)
    for query, action in ON_EACH.items():
        yield Trial(f"{action} on {relation.name}", Attempt(query, names))


def _update(relation: Relation, column: str) -> Trial:
    names = {"table": (relation.schema, relation.table), "column": (column,)}
    return Trial(f"UPDATE of {column} on {relation.name}", Attempt("attempt_update", names))
