"""What one run is given: the ports of its environment and the ways to commands, checks and flows by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rubyops.model.step import Command
from rubyops.ports import Actor, CheckRunner, Control, Operate, Read

Flow = Callable[[Actor], object]


@dataclass(frozen=True)
class Tools:
    """The ports and registries that bootstrap hands to the engine.

    `proof` returns what shows that reading wrote nothing, or raises `WriteAttempted`.
    """

    read: Read
    control: Control
    operate: Operate
    check: CheckRunner
    command: Callable[[str], Command[Any]]
    flow: Callable[[str], Flow]
    proof: Callable[[], dict[str, object]]
