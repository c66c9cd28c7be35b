"""stdout and stderr of the process. A stream that is closed or full does not stop the work.

A command that shows data waits for a slow reader, such as `less`. A command that runs steps must
not wait, so a thread writes for it.
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
from typing import IO, Literal, TextIO

from wallet_runtime.contract.secrets import masked
from wallet_runtime.contract.text import shown

LINE_SECONDS = 1.0  # how long a run waits until one line is written
FLUSH_SECONDS = 5.0  # how long the end of the process waits for unwritten lines
LINES_KEPT = 10_000  # the most lines that wait for a slow reader; more are dropped and counted
UNENCODABLE = "rubyops.plain"
PLAIN = {"✔": "ok", "○": "-", "✖": "X", "·": "-", "→": "->", "…": "...", "–": "-"}
# The errors of a write when the disk or a quota is full.
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
    """Open each standard stream that is closed, and escape characters that cannot be encoded.

    The system would give a closed descriptor, such as 1, to the next file that is opened. Text for
    stdout would then be written into that file, for example a journal.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        _occupy(number)
        stream = getattr(sys, name) or _attach(number, name)
        if name != "stdin" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=UNENCODABLE)


def _occupy(number: int) -> None:
    """Open a descriptor that is closed. Every lower number must be open, as the lowest is taken."""
    try:
        os.fstat(number)
    except OSError:
        # Opened for reading, so that a write fails as it does on a closed descriptor.
        os.open(os.devnull, os.O_RDONLY)


def _attach(number: int, name: str) -> IO[str]:
    """Make the stream of `sys` that Python left out because its descriptor was closed."""
    mode = "r" if name == "stdin" else "w"
    stream: IO[str] = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
    setattr(sys, name, stream)
    return stream


def encodes(text: str, stream: TextIO | None) -> bool:
    """Whether the encoding of a stream has every character of a text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeError, LookupError):
        return False
    return True


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal, where a person may read and answer."""
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def discard(stream: TextIO | None) -> None:
    """Redirect later writes to /dev/null, so that they cannot fail when the process ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, stream.fileno())  # type: ignore[union-attr]
        os.close(descriptor)


class Channel:
    """One output stream. After the first error it writes nothing more, and `lost` has the error."""

    def __init__(self, name: Name, gap: Callable[[int], str]) -> None:
        """Write to `sys.<name>`. `gap` makes the text that tells how many lines were dropped."""
        self.name = name
        self._gap = gap
        self.lost: Exception | None = None
        self._waiting: queue.SimpleQueue[_Line] | None = None
        self._stalled = False
        self._missed = 0

    @property
    def stream(self) -> TextIO | None:
        """The present stream of `sys`, which tests replace."""
        found: TextIO | None = getattr(sys, self.name)
        return found

    @property
    def reader_left(self) -> bool:
        """Whether the reader has closed the pipe, as `head` does. This is no failure."""
        return isinstance(self.lost, BrokenPipeError)

    def write(self, text: str) -> None:
        """Write a line, with secrets masked and control characters escaped. Never raises.

        After `follow` this waits at most LINE_SECONDS.
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
        """Write in a thread from now on, so that a reader that does not read cannot stop a run."""
        if self._waiting is None:
            self._waiting = queue.SimpleQueue()
            threading.Thread(target=self._pass_on, name=self.name, daemon=True).start()

    def flush(self, seconds: float) -> None:
        """Wait until everything is written, at most `seconds`."""
        if self._waiting is not None and self.lost is None:
            end = _Line("")
            self._waiting.put(end)
            end.written.wait(seconds)

    def _hand_over(self, line: "_Line", seconds: float) -> None:
        # A SimpleQueue is reentrant: a signal handler may write while it interrupts a write.
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
                self._tell_gap()

    def _tell_gap(self) -> None:
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
    # Write past Python's buffer: Python would retry a failed write when the process ends.
    _write_all(descriptor, text.encode(stream.encoding or "utf-8", UNENCODABLE))


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # the caller's pipe is non-blocking
            select.select([], [descriptor], [])


def flush_all(channels: tuple[Channel, ...], seconds: float = FLUSH_SECONDS) -> None:
    """Wait until every channel has written everything, at most `seconds` in all."""
    deadline = time.monotonic() + seconds
    for channel in channels:
        channel.flush(max(0.0, deadline - time.monotonic()))
