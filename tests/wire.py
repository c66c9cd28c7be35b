"""A TCP proxy to a server; a test can break and restore its connections while they are used."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, Literal

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
CALL_SECONDS_MAX = 10.0
SETTLE_SECONDS = 0.05
Fault = Literal["refusing", "hanging", "cut"]


class Wire:
    """Forwards connections to a port of this machine.

    With the fault `refusing`, the wire closes its port and every connection, like a stopped server.
    With `hanging`, it keeps the connections but forwards nothing, like a suspended server. With
    `cut`, it forwards nothing and reports nothing, and open connections are lost for good, as when
    a network loses its state.
    """

    def __init__(self, target_port: int) -> None:
        """Listen on a port that stays the same as long as the wire exists."""
        self._target = target_port
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._ends: set[asyncio.StreamWriter] = set()
        self._lost: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._thread.start()
        self._call(self._listen())
        self._loop.call_soon_threadsafe(self._flows.set)

    def break_by(self, fault: Fault) -> None:
        """Break the connections with this fault."""
        self._call(self._break(fault))

    def mend(self) -> None:
        """Forward everything again."""
        self._call(self._mend())

    def close(self) -> None:
        """Close the port and every connection."""
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS_MAX)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_SECONDS_MAX)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._pass_on, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _break(self, fault: Fault) -> None:
        self._flows.clear()
        if fault == "cut":
            self._lost = set(self._ends)
        if fault == "refusing":
            if self._server is not None:
                # Accept no more: the server would never handle a connection that arrives while it
                # closes.
                for listener in self._server.sockets:
                    self._loop.remove_reader(listener.fileno())
                await asyncio.sleep(SETTLE_SECONDS)
                self._server.close()
                self._server = None
            for end in self._ends:
                end.transport.abort()

    async def _end(self) -> None:
        await self._break("refusing")
        self._flows.set()
        mine = asyncio.current_task()
        flows = [task for task in asyncio.all_tasks() if task is not mine]
        for task in flows:
            task.cancel()
        await asyncio.gather(*flows, return_exceptions=True)

    async def _mend(self) -> None:
        for end in self._lost:
            end.transport.abort()
        self._lost = set()
        self._flows.set()
        if self._server is None:
            await self._listen()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = {writer}
        self._ends |= ends
        try:
            await self._flows.wait()
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
            ends.add(far_writer)
            self._ends |= ends
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        except OSError:
            pass
        finally:
            self._ends -= ends
            for end in ends:
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward bytes in one direction until either side ends."""
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                await self._flows.wait()
                writer.write(chunk)
                await writer.drain()
        writer.transport.abort()


@contextlib.contextmanager
def wire(target_port: int) -> Iterator[Wire]:
    """A wire to a port, until the block ends."""
    laid = Wire(target_port)
    try:
        yield laid
    finally:
        laid.close()
