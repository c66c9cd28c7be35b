"""The named queries that may take longer than an ordinary call, and why."""

LONG_STATEMENTS = frozenset(
    {
        # Scans of the whole ledger, of every account or of every bet.
        "reconcile_ledger_drift",
        "reconcile_conservation_breaks",
        "reconcile_conservation_scope",
        "reconcile_accounts",
        "reconcile_bucket_totals",
        "reconcile_record_drift",
        "reconcile_unbalanced_transactions",
        "reconcile_movements_without_request",
        "reconcile_movements_without_ledger",
        "reconcile_bets_without_authorization",
        "reconcile_records_without_snapshot",
        "reconcile_rollbacks_off_breakdown",
        "reconcile_points_in_bets",
        "reconcile_unreachable_references",
        # Counts of all players, all money or all bets, for a plan.
        "facts_legacy_players",
        "facts_money_in_reach",
        "facts_open_bets",
        "backfill_preview",
        "topology_move_obstacles",
        "topology_move_reach",
        "topology_move_grants",
        "topology_move_pending",
        # Batches whose size the operator chooses, and reads of all that the batches moved.
        "backfill_batch",
        "topology_move_batch",
        "topology_move_money",
        "topology_move_conflicts",
        "ops_seed_players",
        # COPY of a whole table. The limit applies to each block of rows.
        "ops_export_table",
    }
)
