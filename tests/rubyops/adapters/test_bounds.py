"""A call of a hung service, Redis or supervisor ends within its time limit."""

import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from rubyops.adapters.http import CallClient, GetClient
from rubyops.adapters.local import orphans
from rubyops.adapters.local.layout import HOME_LABEL, Program
from rubyops.adapters.local.liveness import _answers
from rubyops.adapters.local.supervisor import Supervisor
from rubyops.adapters.streams import StreamReader, redis_client
from rubyops.errors import Interrupted, Unreachable
from rubyops.model.secret import Secret
from tests.rubyops.adapters.peers import dripping, silent, stopped, timed

SECONDS = 0.6
pytestmark = pytest.mark.fault
DRIPPED_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
DRIPPED_HEADER = b"HTTP/1.1 200 OK\r\nX-Long: "


class Address:
    """A stub of the driver that knows only the addresses of copies and the token."""

    def __init__(self, *ports: int) -> None:  # noqa: D107
        self._ports = ports

    def process_url(self, process: str, copy: int = 1) -> str:
        return f"http://127.0.0.1:{self._ports[copy - 1]}"

    def secret(self, name: str) -> Secret:
        return Secret("token")


def interrupting(after: int) -> Callable[[], None]:
    asked: list[int] = []

    def hook() -> None:
        asked.append(1)
        if len(asked) >= after:
            raise Interrupted

    return hook


@pytest.mark.parametrize("beginning", [DRIPPED_BODY, DRIPPED_HEADER])
def test_a_service_that_drips_bytes_has_not_answered(beginning: bytes) -> None:
    with dripping(beginning) as port:
        client = GetClient(Address(port), SECONDS)  # type: ignore[arg-type]
        for _ in range(2):
            with timed() as seconds:
                answer = client.get("wallet_service", "/health")
            assert (answer.status, seconds[0] < 3 * SECONDS) == (0, True)
            assert "no whole answer within 0.6 s" in str(answer.error)


def test_a_service_that_was_late_is_asked_shortly_until_it_answers() -> None:
    with silent() as port:
        client = GetClient(Address(port), 1.5, 0.3)  # type: ignore[arg-type]
        with timed() as first:
            client.get("wallet_service", "/health")
        with timed() as second:
            answer = client.get("wallet_service", "/health")
        assert first[0] > 1.4 > 1 > second[0]
        assert answer.error == "no whole answer within 0.3 s"


def test_one_copy_that_hangs_shortens_the_calls_to_all() -> None:
    """Once a copy has hung, other hung copies get a shorter limit; healthy copies answer."""
    with silent() as first, dripping(ANSWER, b"") as healthy, silent() as last:
        client = GetClient(Address(first, healthy, last), 0.6, 0.2)  # type: ignore[arg-type]
        told = [client.get("wallet_service", "/health", copy=copy).error for copy in (1, 2, 3)]
    assert told == ["no whole answer within 0.6 s", None, "no whole answer within 0.2 s"]


def test_a_call_that_ctrl_c_ended_shortens_the_next() -> None:
    with silent() as port:
        client = GetClient(Address(port), 5, 0.2)  # type: ignore[arg-type]
        client.while_waiting = interrupting(1)
        with pytest.raises(Interrupted):
            client.get("wallet_service", "/health")
        client.while_waiting = None
        told = client.get("wallet_service", "/health").error
        reader = StreamReader(lambda: f"redis://127.0.0.1:{port}/0", 5, 0.2)
        reader.while_waiting = interrupting(1)
        with pytest.raises(Interrupted):
            reader.groups()
        reader.while_waiting = None
        with pytest.raises(Unreachable, match=r"within 0\.2 s"):
            reader.groups()
    assert told == "no whole answer within 0.2 s"


def test_a_service_that_is_silent_has_not_answered() -> None:
    with silent() as port:
        client = CallClient(Address(port), SECONDS)  # type: ignore[arg-type]
        with timed() as seconds:
            answer = client.send("wallet_service", "POST", "/x", {}, b"{}")
        assert (answer.status, seconds[0] < 3 * SECONDS) == (0, True)


def test_ctrl_c_is_heard_during_a_get_and_not_during_a_post() -> None:
    with silent() as port:
        client = CallClient(Address(port), 5)  # type: ignore[arg-type]
        client.while_waiting = interrupting(2)
        with timed() as seconds, pytest.raises(Interrupted):
            client.get("wallet_service", "/health")
        assert seconds[0] < 3
        short = CallClient(Address(port), SECONDS)  # type: ignore[arg-type]
        short.while_waiting = interrupting(1)
        assert short.send("wallet_service", "POST", "/x", {}, b"{}").status == 0


def test_a_copy_that_drips_does_not_live() -> None:
    with dripping(DRIPPED_HEADER) as port, timed() as seconds:
        assert not _answers(f"http://127.0.0.1:{port}")
    assert seconds[0] < 6


@pytest.mark.parametrize("beginning", [b"", b"$1000000\r\n"])
def test_a_redis_that_is_silent_or_drips_is_unreachable(beginning: bytes) -> None:
    with dripping(beginning, beginning and b"x") as port:
        reader = StreamReader(lambda: f"redis://127.0.0.1:{port}/0", SECONDS)
        for _ in range(2):
            with timed() as seconds, pytest.raises(Unreachable, match="Redis"):
                reader.groups()
            assert seconds[0] < 3 * SECONDS


def test_ctrl_c_is_heard_while_redis_is_silent() -> None:
    with silent() as port:
        reader = StreamReader(lambda: f"redis://127.0.0.1:{port}/0", 5)
        reader.while_waiting = interrupting(2)
        with timed() as seconds, pytest.raises(Interrupted):
            reader.groups()
        assert seconds[0] < 3


def test_a_redis_that_hangs_up_is_asked_once() -> None:
    """The Redis client does not retry, because each retry would take the whole time limit again."""
    asked: list[int] = []

    def hang_up(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                asked.append(1)
                peer.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=hang_up, args=(listener,), daemon=True)
        server.start()
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        with redis_client(url, 2) as client, pytest.raises(redis.ConnectionError):
            client.ping()
        listener.shutdown(socket.SHUT_RDWR)
        server.join(5)
    assert len(asked) == 1


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[tuple[Supervisor, int]]:
    (tmp_path / "logs").mkdir()
    supervisor = Supervisor(tmp_path, SECONDS)
    sleep = (sys.executable, "-c", "import time; time.sleep(600)")
    program = Program("kept", "platform", 30, sleep, {HOME_LABEL: str(tmp_path)})
    supervisor.launch(supervisor.configuration([program], Path("/")))
    pid = orphans.pid_in(tmp_path / "supervisor" / "supervisord.pid", str(tmp_path))
    assert pid is not None
    yield supervisor, pid
    supervisor.shutdown(0)
    orphans.end_orphans(tmp_path)


def test_a_stopped_supervisor_is_unreachable_within_the_bound(kept: tuple[Supervisor, int]) -> None:
    supervisor, pid = kept
    with stopped(pid):
        with timed() as seconds, pytest.raises(Unreachable, match=r"did not answer within 0\.6 s"):
            supervisor.states()
        assert seconds[0] < 3 * SECONDS
        with pytest.raises(Unreachable):
            supervisor.stop([Program("kept", "platform", 30, (), {})], 0)
    assert supervisor.states()["kept"].state == "stopped"


def test_a_call_that_is_in_time_is_not_touched(redis_url: str) -> None:
    answer: Any = StreamReader(lambda: redis_url, 5).groups()
    assert answer == []
