"""The plan of a playbook: the effects that each step would have now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rubyops.engine.report import StepResult
from rubyops.views.report import StepItem, step_items
from rubyops.views.view import View


@dataclass(frozen=True)
class PlanView(View):
    """The steps of a plan. `digest` is a checksum that identifies the plan."""

    schema = "rubyops.plan/v1"
    steps: tuple[StepItem, ...]
    digest: str

    @property
    def results(self) -> tuple[StepItem, ...]:
        """One item for each step."""
        return self.steps

    @property
    def beside(self) -> Mapping[str, object]:
        """The digest of the plan."""
        return {"plan_digest": self.digest}


def plan_view(results: Iterable[StepResult], digest: str) -> PlanView:
    """Return the view of a plan."""
    return PlanView(step_items(results), digest)
