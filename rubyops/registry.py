"""Lists every command, check, playbook, effect and driver by name.

The tables are written out, so that `--help` and completion import no command. Tests compare them
with the folders. A summary is the first line of the module's docstring, or the playbook's title.
"""

from typing import NamedTuple


class Entry(NamedTuple):
    """The module of a command or check, or the file of a playbook, and one line of help."""

    place: str
    summary: str


class EffectFamily(NamedTuple):
    """Effects that share a port; `connect` in the module `adapter` creates this port."""

    place: str
    adapter: str
    kinds: tuple[str, ...]


def _family(name: str, *kinds: str) -> EffectFamily:
    return EffectFamily(f"rubyops.effects.{name}", f"rubyops.adapters.effects.{name}", kinds)


EFFECTS: dict[str, EffectFamily] = {
    "backfill": _family("backfill", "SeedPlayers", "Backfill"),
    "drain": _family("drain", "ConfirmDrained"),
    "export": _family("export", "ExportTables"),
    "flow": _family("flow", "RunFlow"),
    "freeze": _family("freeze", "RaiseFreeze", "TakeOverFreeze", "LiftFreeze", "EndSession"),
    "platform": _family("platform", "StartPlatform", "StopProcesses", "StartProcesses", "Migrate"),
    "service_call": _family("service_call", "CallService"),
    "suites": _family("suites", "RunSuites"),
    "topology_move": _family("topology_move", "MoveTopology", "UndoTopologyMove"),
    "verification": _family("verification", "BeginVerification", "RecordVerification"),
    "wait": _family("wait", "WaitFor"),
}

DRIVERS: dict[str, str] = {"local": "rubyops.adapters.local.driver"}

COMMANDS: dict[str, Entry] = {
    "backfill": Entry(
        "commands.backfill",
        "Create missing wallet balances of legacy players, with opening money in the ledger.",
    ),
    "bets-rollback": Entry(
        "commands.bets_rollback",
        "Roll one accepted bet back as the operator: the stake returns to where it came from.",
    ),
    "bets-settle": Entry(
        "commands.bets_settle",
        "Settle one accepted bet as the operator, for a provider that cannot.",
    ),
    "canary": Entry(
        "commands.canary",
        "Canary: one deposit, bet, settlement and withdrawal, and agreeing ledger tips (PRD-4d).",
    ),
    "confirm-health": Entry(
        "commands.confirm_health",
        "Confirm health: every process is green and every worker makes progress.",
    ),
    "confirm-way-back": Entry(
        "commands.confirm_way_back",
        "Confirm that the way back to the pair before is open (PRD-T2b).",
    ),
    "dead-letter-discard": Entry(
        "commands.dead_letter_discard",
        "Ask for a dead letter never to be applied, so that the events behind it go on.",
    ),
    "dead-letter-replay": Entry(
        "commands.dead_letter_replay",
        "Try a dead letter again, and then the events that wait behind it.",
    ),
    "drain-outbox": Entry(
        "commands.drain_outbox", "Drain: prove that every money event is published and applied."
    ),
    "export": Entry(
        "commands.export_tables",
        "Export the wallet's tables in one snapshot, for an investigation (PRD-T2a, NPR-3).",
    ),
    "flow": Entry(
        "commands.flow", "Play one end-to-end flow on players made for it (LOC-7, STG-3)."
    ),
    "freeze": Entry(
        "commands.freeze",
        "Freeze money: nothing new starts (`ingress`), or no money is written at all (`sealed`).",
    ),
    "gate-probe": Entry(
        "commands.gate_probe", "Probe one release gate that only a write can prove."
    ),
    "migrate": Entry(
        "commands.migrate", "Migrate both databases to the newest schema of this checkout."
    ),
    "policy-activate": Entry(
        "commands.policy_activate",
        "Activate another version of a policy that is for the active topology (A7-11).",
    ),
    "policy-save": Entry(
        "commands.policy_save",
        "Save a policy document as a draft (A7-9: never over a version that was active).",
    ),
    "reconcile-ledger": Entry(
        "commands.reconcile_ledger",
        "Force a reconciliation cycle and demand that it finds nothing (PRD-T2c, PRD-4c).",
    ),
    "seed-players": Entry(
        "commands.seed_players", "Make legacy players over the seed tenants, for rehearsals."
    ),
    "sessions-end": Entry(
        "commands.sessions_end",
        "End one session of the operated database that holds a freeze or a drain up.",
    ),
    "smoke": Entry(
        "commands.smoke",
        "Smoke: health, endpoints, canary bets and duplicate requests (SMK-1 to SMK-8).",
    ),
    "start-consumers": Entry(
        "commands.start_consumers",
        "Start the processes that consume wallet events, and wait until they make progress.",
    ),
    "up": Entry(
        "commands.start_platform",
        "Start the platform: servers, newest schema, every process that does not run.",
    ),
    "stop-consumers": Entry(
        "commands.stop_consumers",
        "Stop the processes that consume wallet events; the publisher stays up.",
    ),
    "suites": Entry(
        "commands.suites",
        "Run the unit and contract suites of this checkout and keep their result (LOC-6).",
    ),
    "thaw": Entry("commands.thaw", "Thaw: let money start again, after this freeze was verified."),
    "topology-activate": Entry(
        "commands.topology_activate",
        "Activate a topology version together with its policy, in one transaction (A7).",
    ),
    "topology-move": Entry(
        "commands.topology_move",
        "Move everything in one topology's buckets to another's, or take a move back (A7-8).",
    ),
    "topology-save": Entry(
        "commands.topology_save",
        "Save a topology document as a draft (A7-9: never over a version that was active).",
    ),
    "topology-seed": Entry(
        "commands.topology_seed", "Save the environment's topology seed and its policies as drafts."
    ),
}

CHECKS: dict[str, Entry] = {
    "authorizations-recorded": Entry(
        "checks.money.authorizations_recorded",
        "Every settled or rolled-back bet has its stored authorization.",
    ),
    "conservation": Entry(
        "checks.money.conservation",
        "Money from outside equals what players hold and have staked, per brand and currency "
        "(SPEC 1.3).",
    ),
    "ledger-covers-movements": Entry(
        "checks.money.ledger_covers_movements",
        "Every recorded movement of money has immutable ledger rows.",
    ),
    "ledger-tips": Entry(
        "checks.money.ledger_tips",
        "Every balance is that of the account's newest ledger row, and every chain of rows is "
        "intact.",
    ),
    "no-live-authorizations": Entry(
        "checks.money.no_live_authorizations",
        "No accepted bet is open under the active topology version.",
    ),
    "outbox-age": Entry(
        "checks.money.outbox_age",
        "No event waits in an outbox beyond the limit, and no published one is missing.",
    ),
    "outbox-drained": Entry(
        "checks.money.outbox_drained",
        "Every event is published and applied, and every consumer group has acknowledged its "
        "streams.",
    ),
    "records-agree": Entry(
        "checks.money.records_agree",
        "Every record that decides money is as the wallet wrote it, and agrees with its ledger.",
    ),
    "snapshots-present": Entry(
        "checks.money.snapshots_present",
        "Every transactional record names the topology and policy that it was made under, "
        "and they exist.",
    ),
    "code-current": Entry(
        "checks.platform.code_current",
        "Every copy of every process runs and has loaded the code of this checkout.",
    ),
    "forward-progress": Entry(
        "checks.platform.forward_progress",
        "Every copy of each worker runs and does useful turns; heartbeats of running copies "
        "are fresh.",
    ),
    "freeze-acknowledged": Entry(
        "checks.platform.freeze_acknowledged",
        "The freeze level that `control` wants is in force: fence row and every copy that "
        "may act agree.",
    ),
    "migrations-current": Entry(
        "checks.platform.migrations_current",
        "Both databases have the schema of this checkout: its newest revision, and its "
        "definitions.",
    ),
    "policy-endpoint": Entry(
        "checks.platform.policy_endpoint",
        "The policy endpoint answers exactly the active policies, each bound to the active "
        "topology.",
    ),
    "service-health": Entry(
        "checks.platform.service_health",
        "Every copy of every service runs and answers its health green.",
    ),
    "single-seed": Entry(
        "checks.platform.single_seed",
        "Exactly one topology seed is loaded, and exactly one pair of it is active.",
    ),
    "topology-endpoint": Entry(
        "checks.platform.topology_endpoint",
        "The topology endpoint answers the active code and version, and they are the database's.",
    ),
    "gate-01": Entry(
        "checks.release.gate_01",
        "GATE-1: the test suite of topology and policy passed for this very commit.",
    ),
    "gate-02": Entry(
        "checks.release.gate_02",
        "GATE-2: the local end-to-end flows passed for this very commit and this "
        "environment's topology.",
    ),
    "gate-03": Entry(
        "checks.release.gate_03",
        "GATE-3: bucket totals equal ledger totals, per brand, account and currency.",
    ),
    "gate-04": Entry(
        "checks.release.gate_04", "GATE-4: no money movement bypasses wallet_service."
    ),
    "gate-05": Entry(
        "checks.release.gate_05",
        "GATE-5: settlement and rollback use the funding that was recorded when the bet was "
        "accepted.",
    ),
    "gate-06": Entry(
        "checks.release.gate_06",
        "GATE-6: coupon grants stay rows of their own and are never collapsed into one "
        "coupon balance.",
    ),
    "gate-07": Entry("checks.release.gate_07", "GATE-7: points can neither be bet nor withdrawn."),
    "gate-08": Entry(
        "checks.release.gate_08", "GATE-8: no activation can leave balances or records unreachable."
    ),
    "gate-09": Entry(
        "checks.release.gate_09", "GATE-9: alerting exists for critical wallet failures."
    ),
    "gate-10": Entry(
        "checks.release.gate_10",
        "GATE-10: no process has the legacy shared token, and none accepts it.",
    ),
}

PLAYBOOKS: dict[str, Entry] = {
    "gate": Entry("gate.yaml", "The release gate, all ten, each proved on the running platform"),
    "rollback-tier-0": Entry(
        "rollback-tier-0.yaml", "Freeze and drain alone; it never thaws by itself"
    ),
    "rollback-tier-2": Entry("rollback-tier-2.yaml", "Take the activation back to the pair before"),
    "rollout-local": Entry(
        "rollout-local.yaml",
        "Start the platform here, activate its topology, prove that money goes the whole way",
    ),
    "rollout-staging": Entry(
        "rollout-staging.yaml",
        "Deploy, freeze, drain, activate the candidate, prove it on canaries while frozen, thaw",
    ),
    "verify": Entry(
        "verify.yaml", "Verify the platform, and keep each part that passed for this freeze"
    ),
}
