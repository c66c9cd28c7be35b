"""Waits until started processes answer. The wait ends early for a process that cannot start."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rubyops.adapters.bounded import Hook, Watch, within
from rubyops.adapters.http import trust
from rubyops.adapters.local.layout import log_file
from rubyops.adapters.local.supervisor import Supervisor
from rubyops.adapters.local.waiting import Waiting
from rubyops.errors import TimedOut, Unreachable

LIVE_SECONDS = 60.0
ANSWER_SECONDS = 2.0  # for each copy at each poll
POLL_SECONDS = 0.1
STARTS_MAX = 3
LOG_LINES = 12


def await_live(
    supervisor: Supervisor,
    home: Path,
    urls: Mapping[str, str],
    waiting: Waiting,
) -> None:
    """Wait until every copy answers /health. Any status counts, because a copy need not be ready.

    `urls` is {copy name: address}. Raises `Unreachable` for a copy that the supervisor gave up or
    that ends again and again. Raises `TimedOut` after 60 s.
    """
    silent, pids = dict(urls), {name: set[int]() for name in urls}
    deadline = time.monotonic() + LIVE_SECONDS

    def all_answer() -> bool:
        # A copy that hangs takes seconds, so the deadline is checked before each copy.
        for name in list(silent):
            if time.monotonic() < deadline and _answers(silent[name], waiting.hear):
                del silent[name]
        if silent:
            _refuse(supervisor, home, silent, pids)
        return not silent

    if not waiting.until(all_answer, LIVE_SECONDS, f"{len(urls)} copies to answer", POLL_SECONDS):
        raise _never_answered(home, list(silent))


def _never_answered(home: Path, silent: Sequence[str]) -> TimedOut:
    name = silent[0]
    told = f"The end of the log of {name}:\n{_tail(home, name)}"
    return TimedOut(f"{', '.join(silent)}: no answer within {LIVE_SECONDS:g} s. {told}")


def _refuse(
    supervisor: Supervisor, home: Path, waiting: Mapping[str, str], pids: Mapping[str, set[int]]
) -> None:
    states = supervisor.states()
    for name, url in waiting.items():
        state = states[name].state
        pids[name].add(states[name].pid)
        if _is_given_up(state, pids[name]):
            raise Unreachable(
                f"{name} keeps ending and does not answer on {url} ({state}). "
                f"The end of its log:\n{_tail(home, name)}",
                details={"copies": list(waiting)},
            )


def _is_given_up(state: str, pids: set[int]) -> bool:
    """Whether a program was stopped, or was started too often. A pid of 0 is no start."""
    return state in ("fatal", "stopped") or len(pids - {0}) > STARTS_MAX


class _Late(Exception):
    """A copy did not answer in time."""


def _answers(url: str, hear: Hook | None = None) -> bool:
    import httpx

    def act() -> None:
        httpx.get(f"{url}/health", timeout=ANSWER_SECONDS, trust_env=False, verify=trust(url))

    try:
        within(Watch(ANSWER_SECONDS, _Late, hear), act, lambda _: None)
    except (httpx.HTTPError, _Late):
        return False
    return True


def _tail(home: Path, name: str) -> str:
    try:
        text = log_file(home, name).read_text(encoding="utf-8", errors="replace")
    except OSError as fault:
        return f"(no log: {fault})"
    return "\n".join(text.splitlines()[-LOG_LINES:])
