"""game_service: the providers' callbacks and rounds, and the mock providers' records of bets."""
