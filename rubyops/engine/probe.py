"""In doubt: an intent stands in the journal without an outcome. Says whether the effect may simply be done again."""

from typing import Literal, assert_never

from rubyops.model import effect as e
from rubyops.ports import Read

Verdict = Literal["applied", "not applied", "repeatable"]


def settle(effect: e.Effect, read: Read) -> Verdict:
    """Look at the environment where a look decides; elsewhere a repeat is the same as doing it once.

    Freezes, service calls, flows, verifications, the canary event, the backfill and topology moves are keyed on the other side by the
    id of the effect or of its run, so a repeat is answered from there. Starting, migrating and exporting aim at a state, and
    what is already as wanted is left alone.
    """
    match effect:
        case e.StopProcesses(processes):
            mine = [copy for copy in read.copies() if copy.process in processes]
            # A driver that keeps none of them has stopped none of them: the repeat says why.
            stopped = bool(mine) and not any(copy.pid for copy in mine)
            return "applied" if stopped else "not applied"
        case e.RaiseFreeze() | e.TakeOverFreeze() | e.LiftFreeze() | e.EndSession():
            return "repeatable"
        case e.CallService() | e.RunFlow() | e.RunSuites() | e.ConfirmDrained() | e.Backfill():
            return "repeatable"
        case e.BeginVerification() | e.RecordVerification():
            return "repeatable"
        case e.MoveTopology() | e.UndoTopologyMove():
            return "repeatable"
        case (
            e.StartPlatform()
            | e.StartProcesses()
            | e.Migrate()
            | e.SeedPlayers()
            | e.ExportTables()
            | e.WaitFor()
        ):
            return "repeatable"
        case _:
            assert_never(effect)
