"""Pairs of a topology version and a policy version. The two are always activated together (A7)."""

from collections.abc import Sequence
from dataclasses import dataclass

from checks.platform import policy_endpoint, topology_endpoint
from rubyops.errors import Refused
from rubyops.ports import Read, Row


@dataclass(frozen=True)
class Pair:
    """A topology version, and a policy version that was written for this topology version."""

    topology_code: str
    topology_version: int
    policy_key: str
    policy_version: int

    def __str__(self) -> str:
        """Name the pair for a person."""
        topology = f"{self.topology_code} v{self.topology_version}"
        return f"{topology} with policy {self.policy_key} v{self.policy_version}"

    @classmethod
    def of(cls, row: Row) -> "Pair":
        """Read the pair from a row that has all four columns."""
        return cls(
            row["topology_code"], row["topology_version"], row["policy_key"], row["policy_version"]
        )


def active_pair(read: Read) -> Pair | None:
    """Return the pair in the gate row, or None before the first activation."""
    gate = read.one("facts_gate")
    return None if gate["topology_code"] is None else Pair.of(gate)


def refuse_unless_in_force(pair: Pair, read: Read) -> None:
    """Raise `Refused` unless every copy of wallet_service reports the pair that is active.

    Callers skip an activation when the pair is already active. The database alone does not prove
    that, because a copy of wallet_service could still act on another pair.
    """
    for finding in (topology_endpoint.run(read), policy_endpoint.run(read)):
        if not finding.ok:
            doubt = "wallet_service does not confirm that it acts on it"
            raise Refused(
                f"{pair} is active in the database, and {doubt}: {finding.summary}",
                next_command="rubyops status",
            )


def pair_before(history: Sequence[Row]) -> Pair | None:
    """Return the previous pair, or None. `history` has the activations, oldest first.

    A return to an earlier pair removes all later pairs from the history. After v1, v2, v1 there is
    no previous pair, so a second rollback cannot activate v2 again.
    """
    stack: list[Pair] = []
    for row in history:
        pair = Pair.of(row)
        if pair in stack:
            del stack[stack.index(pair) + 1 :]
        else:
            stack.append(pair)
    return stack[-2] if len(stack) > 1 else None


def saved_pair(read: Read, code: str, version: int, policy_key: str, policy_version: int) -> Pair:
    """Return the pair of a saved topology version. Raises `Refused` when a part is not saved.

    Policy version 0 means the newest policy for that topology version.
    """
    _refuse_unsaved(read, code, version)
    policies = [row for row in read.rows("facts_policies") if row["policy_key"] == policy_key]
    matching = _versions_for(policies, code, version)
    wanted = policy_version or max(matching, default=0)
    if wanted not in matching:
        named = f"{policy_key} v{policy_version}" if policy_version else policy_key
        raise Refused(
            f"No policy {named} is for {code} v{version}; saved: {_list_policies(policies)} (A7-2)."
        )
    return Pair(code, version, policy_key, wanted)


def _refuse_unsaved(read: Read, code: str, version: int) -> None:
    saved = _versions_of(read, code)
    if version not in saved:
        raise Refused(
            f"Topology {code} v{version} is not saved here; "
            f"saved versions: {', '.join(map(str, saved)) or 'none'}.",
            next_command="rubyops topology seed",
        )


def _versions_for(policies: Sequence[Row], code: str, version: int) -> list[int]:
    """Return the versions of these policies that are for this topology version."""
    wanted = (code, version)
    return [
        row["version"]
        for row in policies
        if (row["topology_code"], row["topology_version"]) == wanted
    ]


def _list_policies(policies: Sequence[Row]) -> str:
    listed = (
        f"v{row['version']} for {row['topology_code']} v{row['topology_version']}"
        for row in policies
    )
    return ", ".join(listed) or "none"


def saved_versions(read: Read, code: str) -> list[int]:
    """Return the saved versions of a topology code. Raises `Refused` when there is none."""
    saved = _versions_of(read, code)
    if not saved:
        raise Refused(
            f"No version of topology {code} is saved here.", next_command="rubyops topology seed"
        )
    return saved


def _versions_of(read: Read, code: str) -> list[int]:
    return [int(row["version"]) for row in read.rows("facts_topologies") if row["code"] == code]
