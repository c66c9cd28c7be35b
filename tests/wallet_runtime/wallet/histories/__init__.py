"""Histories of money commands.

An executable model, the two programs that are compared with it, and bugs that it must catch.
"""
