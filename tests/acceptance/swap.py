"""The act that every mutation is made of: something wrong takes the place of what is right."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

Rule = Callable[..., Any]
# By the name of the broken rule.
MUTATIONS: dict[str, Callable[[], None]] = {}


def swap(module: str, name: str, make: Callable[[Any], Any]) -> None:
    """Put what `make` makes of a module's thing, or of a class's (`Class.name`), in its place."""
    owner: Any = import_module(module)
    *classes, last = name.split(".")
    for each in classes:
        owner = getattr(owner, each)
    setattr(owner, last, make(getattr(owner, last)))


def broken(rule: str, module: str, name: str, *given: object) -> Callable[[Rule], Rule]:
    """Register a function as a mutation: it is called instead of `name`.

    It is passed `given`, then the right function, then the arguments of the call.
    """

    def register(wrong: Rule) -> Rule:
        def make(right: Rule) -> Rule:
            return lambda *call, **more: wrong(*given, right, *call, **more)

        MUTATIONS[rule] = partial(swap, module, name, make)
        return wrong

    return register
