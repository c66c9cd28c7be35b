"""The port of each family of effects, on the servers and processes of an environment."""
