-- Digests of closed ledger months. A role that can rewrite the wallet's database does not reach
-- them.
CREATE TABLE control.ledger_anchor (
    partition   text PRIMARY KEY,
    row_count   bigint NOT NULL,
    digest      text NOT NULL,
    sealed_at   timestamptz NOT NULL,
    anchored_at timestamptz NOT NULL DEFAULT now()
);
