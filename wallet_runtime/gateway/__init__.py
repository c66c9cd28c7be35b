"""gateway: the public API for players and providers, and the maintenance switch that closes it."""
