"""Histories of money commands.

An executable model, the two things it is held against, and the bugs that it must catch.
"""
