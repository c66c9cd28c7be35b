"""Builds the msgspec decoders of all structs before the process starts threads.

msgspec analyses a struct at its first decode. If two threads do that at once, the second one reads
an unfinished analysis and the process crashes with SIGSEGV (msgspec 0.22). So one thread builds all
decoders in advance.
"""

import threading
from collections.abc import Iterator

import msgspec

_lock = threading.Lock()
_ready: set[type[msgspec.Struct]] = set()


def warm_decoders() -> None:
    """Build the decoder of every struct that is defined so far; repeated calls are cheap.

    Structs with the class variable `only_written` are skipped, because no code decodes them.
    """
    with _lock:
        for shape in _defined(msgspec.Struct):
            if shape not in _ready and not getattr(shape, "only_written", False):
                msgspec.json.Decoder(shape)
                _ready.add(shape)


def _defined(base: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for shape in base.__subclasses__():
        if shape.__module__.partition(".")[0] != "msgspec":
            yield shape
        yield from _defined(shape)
