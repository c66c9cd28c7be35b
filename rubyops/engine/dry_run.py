"""Says what a playbook would do, and proves that looking wrote nothing."""

from datetime import UTC, datetime

from rubyops.engine.journal import Journal
from rubyops.engine.planner import Plan, StepPlan, planned_result
from rubyops.engine.report import Reporter, RunReport, StepResult
from rubyops.engine.suites import record_facts
from rubyops.engine.tools import Tools
from rubyops.model.exit_code import ExitCode

# What a rollout or a rollback would check follows on what it would have changed, so today's answers decide nothing there.
_DECISIVE = ("verification", "task")


def dry_run(run_id: str, plan: Plan, tools: Tools, journal: Journal, reporter: Reporter) -> RunReport:
    """Look at every step with the reader alone; raises `Unreachable` where there is nothing to look at."""
    started = datetime.now(UTC)
    decisive = plan.playbook.kind in _DECISIVE
    results = tuple(_look(step, tools, decisive=decisive) for step in plan.steps)
    proof = tools.proof()
    code = _exit_code(results, plan, decisive=decisive)
    for result in results:
        reporter.step_finished(result, 0.0)
    told = [[row.id, row.status, row.summary] for row in results]
    journal.write("dry_run", plan_digest=plan.digest, proof=proof, results=told)
    record_facts(plan.steps, tools, journal)
    journal.write("run_finished", state="planned", exit_code=int(code), message=None, next_command=None, freeze=None)
    journal.close()
    return RunReport(
        run_id=run_id, playbook=plan.playbook.name, environment=tools.read.environment.name, started_at=started,
        finished_at=datetime.now(UTC), plan_digest=plan.digest, state="planned", exit_code=code, results=results, proof=proof,
    )  # fmt: skip


def _look(plan: StepPlan, tools: Tools, *, decisive: bool) -> StepResult:
    step = plan.step
    if plan.kind == "check":
        if not decisive:
            return planned_result(plan, tools)
        finding = tools.check(step.name)
        return StepResult(step.id, step.title, finding.status, finding.summary, finding.details, step.covers)
    result = planned_result(plan, tools)
    if plan.plays:
        return StepResult(
            step.id,
            step.title,
            "inconclusive",
            f"must write on canary players, so a dry-run cannot decide it: {result.summary}",
            result.details,
            step.covers,
        )
    return result


def _exit_code(results: tuple[StepResult, ...], plan: Plan, *, decisive: bool) -> ExitCode:
    if decisive and any(result.status in ("failed", "inconclusive") for result in results):
        return ExitCode.CHECK_FAILED
    first = next((step for step in plan.steps if step.kind in ("wanted", "refused")), None)
    # A refusal further down may be about what an earlier step would have changed; the first one stands as it is.
    return ExitCode.REFUSED if first is not None and first.kind == "refused" else ExitCode.DONE
