"""Plans of one step and of a whole playbook, on the facts of this moment."""

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

    `reason` is the no-op's sentence, the refusal, or why it cannot be known yet. `unplannable`
    says which part of it is only known when the step begins.
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
        """Whether the step would change anything, as far as it is known."""
        return any(not effect.traits.read_only for effect in self.effects)

    @property
    def plays(self) -> bool:
        """Whether the step probes by playing on canary players, which a dry-run must not do."""
        return any(effect.traits.plays_canaries for effect in self.effects)

    @property
    def starts_platform(self) -> bool:
        """Whether servers that do not answer now may answer after it."""
        return any(effect.traits.starts_platform for effect in self.effects)

    @property
    def words(self) -> list[str]:
        """Each effect in words."""
        return [effect.describe() for effect in self.effects]

    def in_short(self) -> str:
        """Say the effects in one line, or why there are none."""
        return "; ".join(self.words) or f"{self.verdict}: {self.reason}"


@dataclass(frozen=True)
class Plan:
    """The plans of all steps, and a digest over playbook, parameters and effects."""

    playbook: Playbook
    steps: tuple[StepPlan, ...]
    digest: str

    @property
    def changes(self) -> bool:
        """Whether anything would be changed, or may be once it can be known."""
        return any(step.changes or step.verdict == "unknown" for step in self.steps)

    @property
    def is_brake(self) -> bool:
        """Whether it does nothing but raise a freeze, or end what holds one up."""
        effects = [effect for step in self.steps for effect in step.effects]
        known = all(step.verdict in ("planned", "noop", "check") for step in self.steps)
        return known and bool(effects) and all(effect.traits.brake for effect in effects)

    @property
    def needs_confirmation(self) -> bool:
        """Whether a person should name the environment: for what is not mild, or not known yet."""
        return any(
            step.verdict == "unknown" or any(not effect.traits.mild for effect in step.effects)
            for step in self.steps
        )


def same_as_shown(shown: StepPlan, now: StepPlan, *, changed_before: bool) -> bool:
    """Whether a step may go on as planned under the lock.

    Effects that were shown must be the effects of now. A no-op or a refusal that was shown may
    turn into effects only when an earlier step of this very run has changed the facts.
    """
    known = now.unplannable is None and shown.verdict != "unknown"
    if not known or now.verdict != "planned":
        return True
    if not now.changes:
        # To wait for what was well a moment ago changes nothing that was not shown.
        return True
    if shown.verdict == "planned":
        return shown.effects == now.effects
    return changed_before
