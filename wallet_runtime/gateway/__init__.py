"""gateway: the public door for players and providers, and the levers that close it."""
