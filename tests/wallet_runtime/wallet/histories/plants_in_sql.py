"""Bugs in database functions: the right text, and the wrong text in its place."""

from tests.wallet_runtime.wallet.histories.planted import InSql

SQL = (
    InSql("a stale version is accepted", "apply_command", " AND p.version = c.player_version", ""),
    InSql("a block moves no version", "move_player_version", "p.version + 1", "p.version", first=5),
    InSql("a freeze stops nothing", "passes_freeze", "g.freeze_level = 'open' OR", "true OR"),
    InSql(
        "a spent bonus counts as whole", "low_water", "least(0, (SELECT min(moved) FROM held))", "0"
    ),
    InSql(
        "an undone bet counts as spent",
        "low_water",
        "NOT EXISTS (SELECT FROM undone",
        "true OR NOT EXISTS (SELECT FROM undone",
    ),
    InSql("a bonus outlives its rolling", "put_movement", "b.state = 'ISSUED'", "false"),
    InSql("a lock forgets the one before", "put_locks", "coalesce(newest.locked, 0) +", ""),
    InSql(
        "a lapse in between is not read", "read_movement", "o.closed_at >= a.created_at", "false"
    ),
    InSql("the oldest lock counts", "read_locks", "k.version DESC", "k.version"),
    InSql("a settlement's unlocking is not read", "read_movement", "-k.delta", "0", first=1),
    InSql(
        "a round's settled bets count on",
        "read_round",
        "a.state = 'AUTHORIZED'",
        "a.state <> 'TOMBSTONE'",
    ),
    InSql(
        "rounds of other providers count", "read_round", "a.provider_id = c->>'provider_id'", "true"
    ),
    InSql("a reversed win is read as paid", "read_win", "r.win_id = w.win_id", "false", first=1),
    InSql(
        "a win that was spent counts as whole",
        "read_win",
        "coalesce(wallet.low_water(",
        "coalesce(999999 + wallet.low_water(",
        first=6,
    ),
    InSql(
        "a win's reversal gives nothing back to its campaign",
        "put_win",
        "g.spent - paid.amount",
        "g.spent",
    ),
    InSql("reversed wins hold their bet up", "wins_on", "NOT EXISTS", "true OR NOT EXISTS"),
    InSql(
        "a bet that is rolled back stays turned over",
        "count_turnover",
        "ELSE f.amount END",
        "ELSE 0 END",
    ),
    InSql(
        "a bet of before a rolling is turned back in it",
        "count_turnover",
        "f.closed_at > t.since",
        "true",
    ),
    InSql(
        "an ended rolling leaves its turnover to others",
        "end_turnover",
        "ELSE -ended.required END",
        "ELSE 0 END",
    ),
    InSql(
        "an edge asks for what the money brought along",
        "follow_turnover",
        " - carried)",
        ")",
        first=1,
    ),
    InSql("a transfer sheds turnover", "carry_turnover", "-floor(", "-ceil("),
    InSql(
        "a used reference is not found", "read_reference", "f.command = c->>'reference_of'", "false"
    ),
)
