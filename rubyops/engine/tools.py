"""What one run is given: the ports of its environment and the ways to commands, checks and flows by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rubyops.model.freeze import FreezeTruth
from rubyops.model.step import Command
from rubyops.ports import Actor, CheckRunner, Control, Operate, Read, Row

Flow = Callable[[Actor], object]


@dataclass(frozen=True)
class EnginePorts:
    """The ports and registries that bootstrap hands to the engine.

    `proof` returns what shows that reading wrote nothing, or raises `WriteAttempted`. `freeze` says
    what is in force and never raises, `whose` says its layers in words, `state` reads the state of
    the platform that a verification stands for, `holding` says who holds a table of the wallet.
    """

    read: Read
    control: Control
    operate: Operate
    check: CheckRunner
    command: Callable[[str], Command[Any]]
    flow: Callable[[str], Flow]
    proof: Callable[[], dict[str, object]]
    freeze: Callable[[], FreezeTruth]
    whose: Callable[[FreezeTruth], list[str]]
    state: Callable[[], Row]
    holding: Callable[[str], tuple[str, ...]]
