"""Shows a run while it goes on: lines for a person, events for a program, and a heartbeat."""

import contextlib
import threading
import time
from collections.abc import Iterator

from rubyops.cli.console import Console
from rubyops.effects.base import Outcome
from rubyops.engine.report import StepResult
from rubyops.model.step import Playbook, Step
from rubyops.views.report import step_item, step_items
from rubyops.views.view import released

HEARTBEAT_SECONDS = 30.0
LISTED_MAX = 40
_TOLD = ("effects", "undo", "cannot_be_known_yet")


class Live:
    """A reporter of a run: writes results of steps to stdout, and everything else to stderr."""

    def __init__(self, console: Console, environment: str) -> None:
        """Write to this console. A thread begins to print heartbeats."""
        self._console = console
        self._environment = environment
        self._place = ""
        self._step = "making the plan"
        self._began = time.monotonic()
        self._moving = threading.Event()
        self._moving.set()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def plan(self, playbook: Playbook, results: tuple[StepResult, ...], digest: str) -> None:
        """Show every step of a plan."""
        self._move("looking")
        self._console.event(
            "plan",
            digest=digest,
            playbook=playbook.name,
            steps=[released(item) for item in step_items(results)],
        )
        if len(results) == 1:
            return
        self._console.say(f"Plan {digest} · {playbook.title} · {self._environment}")
        for number, result in enumerate(results, 1):
            self._planned(number, result)

    def _planned(self, number: int, result: StepResult) -> None:
        self._console.say(f"  {number:2} {result.title}: {_first_line(result.summary)}")
        unknown = result.details.get("cannot_be_known_yet")
        if unknown:
            self._console.say(f"     cannot be known yet: {unknown}")

    def run_started(self, run_id: str, playbook: Playbook, *, resumed: bool) -> None:
        """Show the id of the run and how to stop it."""
        self._move("taking the lock")
        self._console.event("run_started", run=run_id, playbook=playbook.name, resumed=resumed)
        self._console.say(f"Run {run_id}{' goes on' if resumed else ''} (Ctrl-C stops it safely)")

    def step_started(self, number: int, total: int, step: Step) -> None:
        """Report the step that begins. Later heartbeats name this step."""
        self._place = f"[{number}/{total}] "
        self._move(step.title)
        self._console.event(
            "step_started", number=number, total=total, step=step.id, title=step.title
        )

    def effect_started(self, effect_id: str, words: str) -> None:
        """Show the effect that begins."""
        self._console.event("effect_started", effect=effect_id, words=words)
        self._console.say(f"    {words} ...")

    def effect_finished(self, effect_id: str, outcome: Outcome) -> None:
        """Write the outcome as an event only. A person sees it in the result of the step."""
        self._console.event(
            "effect_finished",
            effect=effect_id,
            status=outcome.status,
            summary=outcome.summary,
            details=outcome.details,
        )

    def step_finished(self, result: StepResult, seconds: float) -> None:
        """Write the result of a step."""
        self._move(f"what follows {result.title}")
        self._console.event(
            "step_finished", seconds=round(seconds, 3), **released(step_item(result))
        )
        took = f"{seconds:6.1f} s  " if seconds else ""
        self._console.data(f"{self._head(result)}  {took}{result.summary}")
        if not seconds:
            self._facts(result)

    def _head(self, result: StepResult) -> str:
        ids = f" ({', '.join(result.covers)})" if result.covers else ""
        return f"{self._console.mark(result.status)} {self._place}{result.title}{ids}"

    def _facts(self, result: StepResult) -> None:
        """Write the facts from which a step was planned."""
        facts = {name: value for name, value in result.details.items() if name not in _TOLD}
        lists = {name: value for name, value in facts.items() if isinstance(value, list | dict)}
        figures = [f"{name} {_figure(facts[name])}" for name in facts if name not in lists]
        if figures:
            self._console.data("    " + " · ".join(figures))
        for name, value in lists.items():
            self._listed(name, _parts(value))

    def _listed(self, name: str, parts: list[object]) -> None:
        if parts:
            self._console.data(f"    {name}")
        for part in parts[:LISTED_MAX]:
            self._console.data(f"      {part}")

    def note(self, text: str) -> None:
        """Write a remark during a step."""
        self._console.event("note", text=text)
        self._console.say(f"    {text}")

    @contextlib.contextmanager
    def waiting_for_a_person(self) -> Iterator[None]:
        """Print no heartbeat while a person has to answer a question."""
        self._moving.clear()
        yield
        self._move("opening the journal")

    def _move(self, where: str) -> None:
        self._step, self._began = where, time.monotonic()
        self._moving.set()

    def _beat(self) -> None:
        while True:
            time.sleep(HEARTBEAT_SECONDS)
            if self._moving.is_set():
                self._console.say(
                    f"    still at {self._place}{self._step} ({self._waited():.0f} s)"
                )

    def _waited(self) -> float:
        return time.monotonic() - self._began


def _parts(value: list[object] | dict[str, object]) -> list[object]:
    if isinstance(value, dict):
        return [f"{key}: {_figure(part)}" for key, part in value.items()]
    return value


def _figure(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _first_line(text: str) -> str:
    lines = text.splitlines()
    return lines[0] + (" ..." if len(lines) > 1 else "") if lines else ""
