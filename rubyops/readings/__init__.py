"""Readings of a live platform that checks, commands and views share.

Each takes `Read`, combines several sources, and raises `Unreachable` if one does not answer.
"""
