"""The port of each effect family, implemented on the servers and processes of an environment."""
