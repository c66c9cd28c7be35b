DROP TABLE wallet.topology_move_reference, wallet.topology_move_leg,
wallet.topology_move_run CASCADE;
