"""All kinds of effects in one module, for tests that use many of them."""

from rubyops.effects.backfill import Backfill, SeedPlayers
from rubyops.effects.base import AnyEffect
from rubyops.effects.drain import ConfirmDrained
from rubyops.effects.export import ExportTables
from rubyops.effects.flow import RunFlow
from rubyops.effects.freeze import EndSession, LiftFreeze, RaiseFreeze, TakeOverFreeze
from rubyops.effects.platform import Migrate, StartPlatform, StartProcesses, StopProcesses
from rubyops.effects.service_call import CallService
from rubyops.effects.suites import RunSuites
from rubyops.effects.topology_move import MoveTopology, UndoTopologyMove
from rubyops.effects.verification import BeginVerification, RecordVerification
from rubyops.effects.wait import WaitFor

__all__ = [
    "AnyEffect", "Backfill", "BeginVerification", "CallService", "ConfirmDrained", "EndSession",
    "ExportTables", "LiftFreeze", "Migrate", "MoveTopology", "RaiseFreeze", "RecordVerification",
    "RunFlow", "RunSuites", "SeedPlayers", "StartPlatform", "StartProcesses", "StopProcesses",
    "TakeOverFreeze", "UndoTopologyMove", "WaitFor",
]  # fmt: skip
