"""Work that goes on batch by batch: it may stop between two, and says how far it is."""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from rubyops.effects.base import EffectContext

PROGRESS_SECONDS = 2.0


class Count(Protocol):
    """How far the work is."""

    @property
    def finished(self) -> bool:
        """Whether nothing is left."""


C = TypeVar("C", bound=Count)


def in_batches(batch: Callable[[], C], say: Callable[[C], str], context: EffectContext) -> C:
    """Do batches until nothing is left; return the last count."""
    told = time.monotonic()
    while True:
        context.may_go_on()
        count = batch()
        if count.finished:
            return count
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            context.progress(say(count))
