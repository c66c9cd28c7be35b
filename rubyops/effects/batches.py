"""Runs work in batches; it can stop between two batches, and reports its progress."""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from rubyops.effects.base import EffectContext

PROGRESS_SECONDS = 2.0


class Count(Protocol):
    """The progress of the work after a batch."""

    @property
    def finished(self) -> bool:
        """Whether all of the work is done."""


C = TypeVar("C", bound=Count)


def in_batches(batch: Callable[[], C], say: Callable[[C], str], context: EffectContext) -> C:
    """Call `batch` until the work is finished; return the last count."""
    told = time.monotonic()
    while True:
        context.may_go_on()
        count = batch()
        if count.finished:
            return count
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            context.progress(say(count))
