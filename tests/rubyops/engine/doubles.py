"""Ports for tests of the engine: recorded effects, a real `control`, the real money guard."""

from collections.abc import Callable
from typing import Any

from commands._money_guard import MoneyGuard
from rubyops.adapters.control import ControlDatabase
from rubyops.effects.base import AnyEffect
from rubyops.engine.engine_ports import EnginePorts
from rubyops.model.step import Command
from rubyops.ports import CheckRunner, Read
from rubyops.testing.effects import Recorder
from rubyops.testing.reading import in_force, nothing_written


def engine_ports(
    read: Read,
    control: ControlDatabase,
    recorder: Recorder,
    check: CheckRunner,
    command: Callable[[str], Command[Any]],
    port_of: Callable[[AnyEffect], object] | None = None,
) -> EnginePorts:
    """Assemble the ports; `port_of` replaces the recorder's own."""
    return EnginePorts(
        read,
        control,
        recorder,
        port_of or recorder.port_of(control),
        check,
        command,
        MoneyGuard(lambda: recorder.money, check, lambda: control.freeze().level),
        nothing_written,
        in_force(control),
    )
