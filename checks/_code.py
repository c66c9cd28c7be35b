"""Finds out which code each running copy has loaded, from its /health and from its heartbeat.

If /health does not answer, the copy's code counts as unknown, never as this checkout's code.
"""

from dataclasses import dataclass

from rubyops.ports import Read
from rubyops.readings.liveness import CopyLife, Liveness
from rubyops.running_code import code_told, short_code

NOT_RUNNING = ("stopped", "ended", "not known")


@dataclass(frozen=True)
class CopyCode:
    """The digest of the code that one copy runs: `answered` by /health, `reported` by a heartbeat.

    `wanted` is the digest of this checkout. A digest is None if /health did not answer, or if no
    heartbeat has one. `answered` is empty if /health answered without a digest.
    """

    copy: CopyLife
    wanted: str
    answered: str | None
    reported: str | None

    @property
    def other(self) -> str | None:
        """Return a sentence if one of the sources has another digest than `wanted`, else None."""
        for told in (self.answered, self.reported):
            if told is not None and told != self.wanted:
                runs = f"{self.copy.label} runs {short_code(told)}"
                return f"{runs}, this checkout has {short_code(self.wanted)}"
        return None

    @property
    def unknown(self) -> str | None:
        """Return a sentence if /health does not answer, else None."""
        if self.answered is not None:
            return None
        return f"{self.copy.label}: /health does not answer, so nobody knows what it runs"


def codes_told(read: Read, life: Liveness) -> list[CopyCode]:
    """Read the code digest of every copy that may be running, from /health and its heartbeat."""
    running = [copy for copy in life.copies if copy.state not in NOT_RUNNING]
    return [_code_of(read, copy) for copy in running]


def _code_of(read: Read, copy: CopyLife) -> CopyCode:
    answered = code_told(read, copy.process, copy.number)
    return CopyCode(copy, read.environment.code, answered, copy.reported_code)
