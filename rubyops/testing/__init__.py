"""Doubles of ports for tests of the engine. They remember what was asked and do nothing else.

The lock, the freeze and the journal have no double: their tests use the real control database and
real files.
"""
