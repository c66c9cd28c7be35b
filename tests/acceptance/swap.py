"""The one act that every mutation is made of."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

Rule = Callable[..., Any]


def swap(module: str, name: str, make: Callable[[Any], Any]) -> None:
    """Put what `make` makes of a module's thing, or of its class's (`Class.name`), in its place."""
    owner: Any = import_module(module)
    *classes, last = name.split(".")
    for each in classes:
        owner = getattr(owner, each)
    setattr(owner, last, make(getattr(owner, last)))
