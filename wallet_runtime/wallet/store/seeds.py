"""The topologies and policies that ship with the product. They are saved as drafts."""

from importlib import resources

import msgspec

from wallet_runtime.contract.documents import RUBY_SPLIT_V1, RUBY_UNIFIED_V1
from wallet_runtime.plumbing.errors import Conflict
from wallet_runtime.plumbing.runtime import fence
from wallet_runtime.plumbing.runtime.database import Database, DatabaseSession, Row
from wallet_runtime.wallet.domain.documents import Policy, Topology, read_policy, read_topology
from wallet_runtime.wallet.domain.violations import broken
from wallet_runtime.wallet.store.drafts import save_policy, save_topology

SEEDS = {
    RUBY_SPLIT_V1: ("ruby_split_v1.1.json", "ruby_split_v1.2.json"),
    RUBY_UNIFIED_V1: ("ruby_unified_v1.1.json",),
}


class SeedRefused(Conflict):
    """A seed's policy is stored for another topology; nothing was saved."""

    code = "SEED_POLICY_TAKEN"


def seed(database: Database, code: str, saved_by: str, fence_token: int | None = None) -> list[Row]:
    """Save the shipped drafts of a topology; return the saved rows.

    Versions that exist already stay unchanged. Raises `SeedRefused` (409) if the policy's key and
    version are stored for another topology, because then no policy could activate the seed.
    """
    with database.transaction() as session:
        fence.hold(session, fence_token)
        saved = [row for name in SEEDS[code] for row in _save(session, name, saved_by)]
        if saved:
            fence.note_change(session, fence_token)
    return saved


def _save(session: DatabaseSession, name: str, saved_by: str) -> list[Row]:
    pair = _read_seed(name)
    topology, policy = read_topology(pair["topology"]), read_policy(pair["policy"])
    saved: list[Row] = []
    if not _is_topology_kept(session, topology):
        saved.append(save_topology(session, topology.code, pair["topology"], saved_by))
    if not _is_policy_kept(session, policy):
        saved.append(save_policy(session, policy.policy_key, pair["policy"], saved_by))
    return saved


def _read_seed(name: str) -> Row:
    file = resources.files("wallet_runtime.wallet").joinpath("seeds", name)
    pair: Row = msgspec.json.decode(file.read_bytes())
    return pair


def _is_topology_kept(session: DatabaseSession, topology: Topology) -> bool:
    named = {"code": topology.code, "version": topology.version}
    return session.maybe("wallet_topology_version", **named) is not None


def _is_policy_kept(session: DatabaseSession, policy: Policy) -> bool:
    """Tell whether the policy is stored; raise `SeedRefused` if it is for another topology."""
    row = session.maybe(
        "wallet_policy_version", policy_key=policy.policy_key, version=policy.version
    )
    if row is None:
        return False
    stored_for = (row["topology_code"], row["topology_version"])
    if stored_for != (policy.topology.code, policy.topology.version):
        raise _refusal(policy, *stored_for)
    return True


def _refusal(policy: Policy, other_code: str, other_version: int) -> SeedRefused:
    message = (
        f"policy {policy.policy_key} version {policy.version} is stored for {other_code} version"
        f" {other_version}, so the seed of {policy.topology.code} version {policy.topology.version}"
        " would have no policy; nothing was saved."
        " Save the topology and a policy under a version of its own."
    )
    return SeedRefused(message, details=broken("A7-2", "policy.topology", message))
