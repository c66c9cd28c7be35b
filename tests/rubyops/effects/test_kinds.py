"""Every kind of effect is registered, and has the traits that this file lists."""

from importlib import import_module
from pkgutil import iter_modules
from typing import get_args

from rubyops import effects
from rubyops.effects.base import Effect
from rubyops.effects.freeze import FreezeLevel
from rubyops.engine.effect_data import kinds
from rubyops.registry import EFFECTS
from tests import effects as e

# Effects after which a verification stays valid, each with the reason.
LEAVES_IT = {
    e.RaiseFreeze: "the freeze has an epoch of its own, and a verification is of one epoch",
    e.TakeOverFreeze: "the same",
    e.LiftFreeze: "the same",
    e.EndSession: "a session of the database is no part of the platform",
    e.WaitFor: "it only looks",
    e.RunFlow: "it plays on canary players",
    e.RunSuites: "the suites bring servers of their own",
    e.ExportTables: "it reads, and writes files beside the platform",
    e.ConfirmDrained: "one canary event goes through",
    e.BeginVerification: "it is the verification",
    e.RecordVerification: "it is the verification",
}


def every_kind() -> set[type[e.AnyEffect]]:
    """Every class of effect in `rubyops.effects`, whether it is registered or not."""
    for module in iter_modules(effects.__path__):
        import_module(f"{effects.__name__}.{module.name}")
    return set(Effect.__subclasses__())


def with_trait(name: str) -> set[str]:
    return {kind.__name__ for kind in every_kind() if getattr(kind.traits, name)}


def test_each_kind_is_registered_once_with_the_family_of_its_module() -> None:
    registered = [(family.place, kind) for family in EFFECTS.values() for kind in family.kinds]
    assert sorted(registered) == sorted((kind.__module__, kind.__name__) for kind in every_kind())
    assert kinds().keys() == {kind.__name__ for kind in every_kind()}


def test_each_family_has_an_adapter_that_makes_its_port() -> None:
    for family in EFFECTS.values():
        assert callable(import_module(family.adapter).connect), family


def test_each_effect_changes_the_platform_or_says_why_it_does_not() -> None:
    leaves_it = {kind.__name__ for kind in LEAVES_IT}
    assert with_trait("changes_platform") | leaves_it == kinds().keys()
    assert not with_trait("changes_platform") & leaves_it


def test_the_brake_never_lowers_a_freeze_nor_changes_the_platform() -> None:
    assert with_trait("brake") == {"RaiseFreeze", "EndSession"}
    assert get_args(FreezeLevel) == ("ingress", "sealed")


def test_the_traits_that_the_engine_acts_on() -> None:
    assert with_trait("read_only") == {"WaitFor", "RunSuites"}
    assert with_trait("plays_canaries") == {"RunFlow"}
    assert with_trait("starts_platform") == {"StartPlatform"}
    assert with_trait("renews_lock") == {"StartPlatform", "Migrate"}
    lockless = {kind.__name__ for kind in every_kind() if not kind.traits.needs_lock}
    assert lockless == {"StartPlatform", "RaiseFreeze", "EndSession"}


def test_what_a_person_confirms() -> None:
    assert kinds().keys() - with_trait("mild") == {
        "StopProcesses", "StartProcesses", "Migrate", "SeedPlayers", "TakeOverFreeze",
        "LiftFreeze", "EndSession", "CallService", "Backfill", "MoveTopology", "UndoTopologyMove",
    }  # fmt: skip
