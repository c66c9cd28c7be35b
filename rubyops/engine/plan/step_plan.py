"""The plan of one step, and of a whole playbook."""

from dataclasses import dataclass, field
from typing import Literal

from rubyops.effects.base import AnyEffect
from rubyops.errors import Refused
from rubyops.model.json_object import JsonObject
from rubyops.model.step import Playbook, Step

Verdict = Literal["planned", "noop", "refused", "unknown", "check"]


@dataclass(frozen=True)
class StepPlan:
    """The plan of one step.

    `reason` explains a no-op, a refusal or an unknown verdict. `unplannable` is a sentence about
    the part of the plan that is known only when the step begins.
    """

    step: Step
    verdict: Verdict
    effects: tuple[AnyEffect, ...] = ()
    reason: str = ""
    facts: JsonObject = field(default_factory=dict)
    error: Refused | None = None
    undo: str | None = None
    unplannable: str | None = None

    @property
    def changes(self) -> bool:
        """Whether a planned effect would change anything."""
        return any(not effect.traits.read_only for effect in self.effects)

    @property
    def plays(self) -> bool:
        """Whether the step plays on canary players, which a dry-run must not do."""
        return any(effect.traits.plays_canaries for effect in self.effects)

    @property
    def starts_platform(self) -> bool:
        """Whether the step starts the platform, so that servers may answer after it."""
        return any(effect.traits.starts_platform for effect in self.effects)

    @property
    def words(self) -> list[str]:
        """The description of each effect."""
        return [effect.describe() for effect in self.effects]

    def in_short(self) -> str:
        """Return the effects in one line, or the reason why there are none."""
        return "; ".join(self.words) or f"{self.verdict}: {self.reason}"


@dataclass(frozen=True)
class Plan:
    """The plans of all steps, and a digest over playbook, parameters and effects."""

    playbook: Playbook
    steps: tuple[StepPlan, ...]
    digest: str

    @property
    def changes(self) -> bool:
        """Whether a step would change anything, or is still unknown."""
        return any(step.changes or step.verdict == "unknown" for step in self.steps)

    @property
    def is_brake(self) -> bool:
        """Whether all effects are brakes: they raise a freeze, or end a session that blocks one."""
        effects = [effect for step in self.steps for effect in step.effects]
        known = all(step.verdict in ("planned", "noop", "check") for step in self.steps)
        return known and bool(effects) and all(effect.traits.brake for effect in effects)

    @property
    def needs_confirmation(self) -> bool:
        """Whether the user must confirm the plan: an effect is not mild, or a step is unknown."""
        return any(
            step.verdict == "unknown" or any(not effect.traits.mild for effect in step.effects)
            for step in self.steps
        )


def same_as_shown(shown: StepPlan, now: StepPlan, *, changed_before: bool) -> bool:
    """Whether a step may run with the plan made under the lock.

    Its effects must equal the effects that the user was shown. A step shown as a no-op or refused
    may have effects now only if an earlier effect of this run has changed the facts.
    """
    known = now.unplannable is None and shown.verdict != "unknown"
    if not known or now.verdict != "planned":
        return True
    if not now.changes:
        # Effects that only read need no agreement with the shown plan.
        return True
    if shown.verdict == "planned":
        return shown.effects == now.effects
    return changed_before
