"""Says each effect in words: the same sentence in a plan, a live run, a dry-run and the journal."""

from typing import assert_never

from rubyops.model import effect as e


def describe(effect: e.Effect) -> str:  # noqa: PLR0911, PLR0912 - one case per kind, so that the type checker counts them
    """Return one line for a person."""
    match effect:
        case e.StartPlatform():
            return "start the servers, migrate, and start every process that is not running"
        case e.StopProcesses(processes):
            return f"stop {', '.join(processes)}"
        case e.StartProcesses(processes):
            return f"start {', '.join(processes)}"
        case e.Migrate():
            return "bring both databases to the newest schema"
        case e.SeedPlayers(count):
            return f"create {count:,} legacy players where none exist"
        case e.SetFreeze(level, reason):
            return f"set the freeze level to {level} ({reason})" if reason else f"set the freeze level to {level}"
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
            return f"create missing wallet balances in batches of {batch_size:,}" + (f" for tenant {tenant_id}" if tenant_id else "")
        case e.MoveTopology(_, digest, batch_size):
            return f"move what is in every bucket as document {digest[:12]} maps it, in batches of {batch_size:,} players"
        case e.UndoTopologyMove(run_id, _, batch_size):
            return f"move back exactly what run {run_id} moved, in batches of {batch_size:,} players"
        case e.RecordVerification(kind):
            return f"record that {kind} passed at this freeze"
        case _:
            assert_never(effect)


def is_mild(effect: e.Effect) -> bool:
    """Whether the effect can harm no money and no service, so that nobody needs to confirm it. Freezing must stay easy."""
    match effect:
        case e.SetFreeze(level):
            return level != "open"
        case e.StartPlatform() | e.WaitFor() | e.ExportTables() | e.RecordVerification() | e.ConfirmDrained() | e.RunFlow() | e.RunSuites():
            return True
        case _:
            return False
