"""Test doubles of ports, for tests of the engine. They record calls and do nothing else.

Lock, freeze and journal have no double: their tests use a real `control` database and real files.
"""
