"""game_service: the providers' callbacks, rounds, and the mock providers' own books."""
