"""Registers mutations: each replaces a function or constant of the runtime by a wrong one."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

Rule = Callable[..., Any]
# {name of a broken rule: the function that breaks it}
MUTATIONS: dict[str, Callable[[], None]] = {}


def swap(module: str, name: str, make: Callable[[Any], Any]) -> None:
    """Replace `name` of a module (or `Class.name`) by the result of `make(old value)`."""
    owner: Any = import_module(module)
    *classes, last = name.split(".")
    for each in classes:
        owner = getattr(owner, each)
    setattr(owner, last, make(getattr(owner, last)))


def broken(rule: str, module: str, name: str, *given: object) -> Callable[[Rule], Rule]:
    """Register the decorated function as a mutation that is called instead of `name`.

    Its arguments are `given`, the right function, and the arguments of the call.
    """

    def register(wrong: Rule) -> Rule:
        def make(right: Rule) -> Rule:
            return lambda *call, **more: wrong(*given, right, *call, **more)

        MUTATIONS[rule] = partial(swap, module, name, make)
        return wrong

    return register
