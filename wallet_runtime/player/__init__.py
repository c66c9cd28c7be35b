"""player_service: players, their sessions, and deposits and withdrawals on their behalf."""
