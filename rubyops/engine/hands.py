"""The tools that carry out an effect."""

from collections.abc import Callable
from dataclasses import dataclass

from rubyops.engine.journal.lines import Content
from rubyops.engine.stop import StopSignal
from rubyops.engine.tools import EnginePorts


@dataclass(frozen=True)
class EffectContext:
    """EnginePorts, where progress goes, the wish to stop, and the check that the run may go on.

    `hold` raises when the lock is not ours any more, or somebody else changed the freeze.
    `remark` adds a line to another run's journal, where that journal is kept here.
    """

    tools: EnginePorts
    progress: Callable[[str], None]
    stop: StopSignal
    hold: Callable[[], None]
    remark: Callable[[str, Content], None] = lambda run, content: None
