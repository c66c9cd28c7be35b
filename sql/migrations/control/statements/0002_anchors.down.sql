DROP TABLE control.ledger_anchor;
