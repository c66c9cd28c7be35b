-- Digests of closed ledger months, kept out of reach of whoever can rewrite the wallet's database.
CREATE TABLE control.ledger_anchor (
    partition   text PRIMARY KEY,
    row_count   bigint NOT NULL,
    digest      text NOT NULL,
    sealed_at   timestamptz NOT NULL,
    anchored_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON control.ledger_anchor TO control_service;
GRANT SELECT ON control.ledger_anchor TO rubyops_read, rubyops_ops;

-- Every taking of the run lock: which run, of which commit, and which results it would record.
-- Recorded results are ordered by this token, never by an operator's clock, and a run that stands
-- here counts as under way until its journal, which lies beside the operator, says how it ended.
CREATE TABLE control.lock_history (
    token    bigint PRIMARY KEY,
    run_id   text NOT NULL,
    commit   text NOT NULL,
    proves   text[] NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT ON control.lock_history TO rubyops_ops;
GRANT SELECT ON control.lock_history TO rubyops_read;
