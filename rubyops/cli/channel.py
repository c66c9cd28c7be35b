"""The two streams of the process. The work goes on whatever becomes of them.

A line that shows data waits for a slow reader, such as `less`. A line that runs steps must not
wait, so a thread writes for it.
"""

import codecs
import contextlib
import errno
import io
import os
import queue
import select
import sys
import threading
import time
from collections.abc import Callable
from typing import Literal, TextIO

from wallet_runtime.contract.secrets import masked
from wallet_runtime.contract.text import shown

LINE_SECONDS = 1.0  # how long a run waits for one line to be taken
FLUSH_SECONDS = 5.0  # how long the end of the process waits for what is left
LINES_KEPT = 10_000  # how many lines wait for a reader; later ones are counted
UNENCODABLE = "rubyops.plain"
PLAIN = {"✔": "ok", "○": "-", "✖": "X", "·": "-", "→": "->", "…": "...", "–": "-"}
# Errors of a write where no byte has room.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
Name = Literal["stdout", "stderr"]


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    escaped = [PLAIN.get(s) or s.encode("ascii", "backslashreplace").decode() for s in signs]
    return "".join(escaped), error.end


codecs.register_error(UNENCODABLE, _plain)


def prepare() -> None:
    """Make the streams ready: open each that is missing, and escape signs that cannot be encoded.

    A descriptor that the caller closed would be given to the next file that is opened, such as a
    journal, and what is written to stdout would go there.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # Opened for reading: to write to it fails, as it did to the closed one.
            os.open(os.devnull, os.O_RDONLY)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
        stream = getattr(sys, name)
        if name != "stdin" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=UNENCODABLE)


def encodes(text: str, stream: TextIO | None) -> bool:
    """Whether a stream can show every sign of a text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeError, LookupError):
        return False
    return True


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person may be at the other end."""
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def discard(stream: TextIO | None) -> None:
    """Lead later writes to /dev/null, so that the end of the process does not fail on them."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, stream.fileno())  # type: ignore[union-attr]
        os.close(descriptor)


class Channel:
    """One stream. After the first error nothing more is written, and `lost` says why."""

    def __init__(self, name: Name, gap: Callable[[int], str]) -> None:
        """Write to `sys.<name>`; `gap` words that lines were not shown."""
        self.name = name
        self._gap = gap
        self.lost: Exception | None = None
        self._waiting: queue.SimpleQueue[_Line] | None = None
        self._stalled = False
        self._missed = 0

    @property
    def stream(self) -> TextIO | None:
        """The stream as it is now; tests put others in its place."""
        found: TextIO | None = getattr(sys, self.name)
        return found

    @property
    def reader_left(self) -> bool:
        """Whether the reader has left, as `head` does, which is no fault."""
        return isinstance(self.lost, BrokenPipeError)

    def write(self, text: str) -> None:
        """Write a line, secrets masked and control characters escaped. Never raises.

        After `follow` it never waits for long.
        """
        if self.lost is not None:
            return
        text = shown(masked(text))
        if self._waiting is None:
            self._put(text + "\n")
        elif self._stalled and self._waiting.qsize() >= LINES_KEPT:
            self._missed += 1
        else:
            self._hand_over(_Line(text + "\n"), LINE_SECONDS)

    def follow(self) -> None:
        """Have a thread write from now on, so that a reader that stands still cannot hold a run."""
        if self._waiting is None:
            self._waiting = queue.SimpleQueue()
            threading.Thread(target=self._pass_on, name=self.name, daemon=True).start()

    def flush(self, seconds: float) -> None:
        """Wait until all is written, or this long."""
        if self._waiting is not None and self.lost is None:
            end = _Line("")
            self._waiting.put(end)
            end.written.wait(seconds)

    def _hand_over(self, line: "_Line", seconds: float) -> None:
        # The queue takes no lock that a signal handler could find held by the code it interrupted.
        if self._waiting is not None:
            self._waiting.put(line)
        if not self._stalled and not line.written.wait(seconds):
            self._stalled = True

    def _pass_on(self) -> None:
        lines = self._waiting
        while lines is not None:
            line = lines.get()
            if line.text and self.lost is None:
                self._put(line.text)
            line.written.set()
            if lines.empty():
                self._stalled = False
                missed, self._missed = self._missed, 0
                if missed and self.lost is None:
                    self._put(self._gap(missed) + "\n")

    def _put(self, text: str) -> None:
        try:
            _write(self.stream, text)
        except (OSError, ValueError) as error:
            self.lost = error
            discard(self.stream)


class _Line:
    def __init__(self, text: str) -> None:
        self.text = text
        self.written = threading.Event()


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    try:
        descriptor = stream.fileno()
    except io.UnsupportedOperation:
        stream.write(text)
        stream.flush()
        return
    stream.flush()
    # Past the buffers of the stream: a failed write must not be tried again at the end.
    data = text.encode(stream.encoding or "utf-8", UNENCODABLE)
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # the pipe was handed to us non-blocking
            select.select([], [descriptor], [])


def flush_all(channels: tuple[Channel, ...], seconds: float = FLUSH_SECONDS) -> None:
    """Wait until every channel is written, this long in all."""
    deadline = time.monotonic() + seconds
    for channel in channels:
        channel.flush(max(0.0, deadline - time.monotonic()))
