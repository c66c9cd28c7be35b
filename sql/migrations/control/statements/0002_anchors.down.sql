DROP TABLE control.lock_history;
DROP TABLE control.ledger_anchor;
