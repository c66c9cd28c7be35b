"""Generated histories of money commands.

They compare an executable model with the rules and with PostgreSQL, and must catch planted bugs.
"""
