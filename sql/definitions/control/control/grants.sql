GRANT USAGE ON SCHEMA control TO gateway, wallet_service, wallet_worker, rolling_service,
    rolling_worker, game_service, player_service, admin_service, rubyops_read, rubyops_ops;

-- A process reads the freeze and writes of its own copies alone; policies hold it to these.
GRANT SELECT ON control.freeze_state TO gateway, wallet_service, wallet_worker, rolling_service,
    rolling_worker, game_service, player_service, admin_service;
GRANT SELECT, INSERT, UPDATE ON control.service_copy TO gateway, wallet_service, wallet_worker,
    rolling_service, rolling_worker, game_service, player_service, admin_service;
GRANT SELECT, INSERT ON control.ledger_anchor TO wallet_service;

GRANT SELECT ON ALL TABLES IN SCHEMA control TO rubyops_read, rubyops_ops;
GRANT INSERT, UPDATE, DELETE ON control.run_lock, control.journal_head, control.verification,
    control.service_copy TO rubyops_ops;
GRANT INSERT ON control.lock_history TO rubyops_ops;
GRANT USAGE ON SEQUENCE control.fencing_token TO rubyops_ops;
GRANT EXECUTE ON FUNCTION control.raise_freeze(text, text, text, text, text, text, bigint),
    control.lift_freeze(text, text, bigint, text, text, text, text, bigint, bigint),
    control.take_over_freeze(text, text, bigint, text, text, bigint),
    control.note_change(text, text), control.hold_lock(text, bigint) TO rubyops_ops;
