"""Which code each running copy has loaded, by its /health and by its heartbeat.

A copy that does not answer tells nothing: its code is not known, and not taken for this checkout's.
"""

from dataclasses import dataclass

from checks._liveness import CopyLife, Liveness
from rubyops.ports import Read
from rubyops.running_code import code_told, short_code

NOT_RUNNING = ("stopped", "ended", "not known")


@dataclass(frozen=True)
class CopyCode:
    """The code that one copy runs: /health has `answered` a digest, its heartbeat `reported` one.

    A source that says nothing gives None; a /health without a digest gives the empty text.
    """

    copy: CopyLife
    wanted: str
    answered: str | None
    reported: str | None

    @property
    def other(self) -> str | None:
        """Say which other code the copy runs; None where neither source says so."""
        for told in (self.answered, self.reported):
            if told is not None and told != self.wanted:
                runs = f"{self.copy.label} runs {short_code(told)}"
                return f"{runs}, this checkout has {short_code(self.wanted)}"
        return None

    @property
    def unknown(self) -> str | None:
        """Say that the copy does not answer; None where it does."""
        if self.answered is not None:
            return None
        return f"{self.copy.label}: /health does not answer, so nobody knows what it runs"


def codes_told(read: Read, life: Liveness) -> list[CopyCode]:
    """Ask every copy that may run for its code."""
    running = [copy for copy in life.copies if copy.state not in NOT_RUNNING]
    return [_code_of(read, copy) for copy in running]


def _code_of(read: Read, copy: CopyLife) -> CopyCode:
    answered = code_told(read, copy.process, copy.number)
    return CopyCode(copy, read.environment.code, answered, copy.reported_code)
