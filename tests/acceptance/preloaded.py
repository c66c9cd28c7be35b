"""Imports the toolkit and every driver once, before `forked` forks its processes."""

from importlib import import_module
from pkgutil import walk_packages

import checks
import commands
import rubyops
import sql

LAZY = ("httpcore", "httpx", "psycopg", "redis", "tests.acceptance.play")

for _package in (rubyops, commands, checks, sql):
    for _module in walk_packages(_package.__path__, f"{_package.__name__}."):
        if not _module.name.endswith("__main__") and ".migrations." not in _module.name:
            import_module(_module.name)
for _name in LAZY:
    import_module(_name)
