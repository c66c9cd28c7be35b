"""Says each effect in words: the same sentence in a plan, a live run, a dry-run and the journal."""

from typing import assert_never

from rubyops.model import effect as e


def describe(effect: e.Effect) -> str:  # noqa: PLR0911, PLR0912 - one case per kind, so that the type checker counts them
    """Return one line for a person."""
    match effect:
        case e.StartPlatform(restart):
            names = ", ".join(f"{process} copy {number}" for process, number in restart)
            start = "start the servers, migrate, and start every process that is not running"
            return f"{start}; restart {names}" if names else start
        case e.StopProcesses(processes):
            return f"stop {', '.join(processes)}"
        case e.StartProcesses(processes):
            return f"start {', '.join(processes)}"
        case e.Migrate():
            return "bring both databases to the newest schema"
        case e.SeedPlayers(count):
            return f"create {count:,} legacy players where none exist"
        case e.RaiseFreeze(level, reason):
            return f"raise the freeze to {level}" + (f" ({reason})" if reason else "")
        case e.TakeOverFreeze(from_run):
            return f"take over the freeze of run {from_run}"
        case e.LiftFreeze(reason, take_over):
            also = f", and that of run {take_over}" if take_over else ""
            return f"lift the own freeze{also}" + (f" ({reason})" if reason else "")
        case e.EndSession(pid, started_at):
            return f"end database session {pid}, which began at {started_at}"
        case e.WaitFor(check, timeout_seconds):
            return f"wait until {check} holds, at most {timeout_seconds:g} s"
        case e.CallService(process, method, path):
            return f"{method} {path} on {process}"
        case e.RunFlow(flow):
            return f"play {flow} on canary players"
        case e.RunSuites(suites):
            return f"run {len(suites)} test suites on servers of their own: {', '.join(suites)}"
        case e.ExportTables(tables):
            return f"export {len(tables)} tables in one snapshot: {', '.join(tables)}"
        case e.ConfirmDrained(timeout_seconds):
            return f"prove that no event is left and a canary event gets through, at most {timeout_seconds:g} s"
        case e.Backfill(batch_size, tenant_id):
            return f"create missing wallet balances in batches of {batch_size:,}" + (
                f" for tenant {tenant_id}" if tenant_id else ""
            )
        case e.MoveTopology(_, digest, batch_size):
            return f"move what is in every bucket as document {digest[:12]} maps it, in batches of {batch_size:,} players"
        case e.UndoTopologyMove(run_id, _, batch_size):
            return (
                f"move back exactly what run {run_id} moved, in batches of {batch_size:,} players"
            )
        case e.BeginVerification(kind):
            return f"begin the verification of {kind} on the present state"
        case e.RecordVerification(kind):
            return f"record that {kind} passed on this very state"
        case _:
            assert_never(effect)


# Freezing must stay easy.
_MILD = (
    e.RaiseFreeze,
    e.StartPlatform,
    e.WaitFor,
    e.ExportTables,
    e.BeginVerification,
    e.RecordVerification,
    e.ConfirmDrained,
    e.RunFlow,
    e.RunSuites,
)


def is_mild(effect: e.Effect) -> bool:
    """Whether the effect can harm no money and no service, so that nobody needs to confirm it."""
    return isinstance(effect, _MILD)
