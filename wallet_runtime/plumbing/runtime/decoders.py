"""Decoders of bodies, states and events, made ready before there are threads.

msgspec works out how to decode a struct when it is first asked to. A second thread that asks for
the same struct meanwhile meets a half-made description, and the process ends with SIGSEGV (msgspec
0.22). So one thread asks for every struct once, beforehand.
"""

import threading
from collections.abc import Iterator

import msgspec

_lock = threading.Lock()
_ready: set[type[msgspec.Struct]] = set()


def warm_decoders() -> None:
    """Make the decoder of every struct that is defined so far; cheap when repeated.

    A struct that says that it is `only_written` is left out: nobody decodes it.
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
