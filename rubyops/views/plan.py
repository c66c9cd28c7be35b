"""The plan of a playbook: the effects that it would have today, step by step."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rubyops.engine.report import StepResult
from rubyops.views.report import StepItem, step_items
from rubyops.views.view import View


@dataclass(frozen=True)
class PlanView(View):
    """The steps of a plan; `digest` names exactly this plan."""

    schema = "rubyops.plan/v1"
    steps: tuple[StepItem, ...]
    digest: str

    @property
    def results(self) -> tuple[StepItem, ...]:
        """Every step."""
        return self.steps

    @property
    def beside(self) -> Mapping[str, object]:
        """The digest."""
        return {"plan_digest": self.digest}


def plan_view(results: Iterable[StepResult], digest: str) -> PlanView:
    """Show the steps of a plan."""
    return PlanView(step_items(results), digest)
