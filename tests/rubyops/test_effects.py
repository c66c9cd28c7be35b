"""Every kind of effect is thought about: whether it changes the platform, and who may do it when."""

from typing import get_args

from rubyops.model import effect as e

# Why these leave a verification as it was.
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


def test_each_effect_changes_the_platform_or_says_why_it_does_not() -> None:
    assert {*e.CHANGES_PLATFORM, *LEAVES_IT} == set(get_args(e.Effect))
    assert not {*e.CHANGES_PLATFORM} & LEAVES_IT.keys()


def test_the_brake_never_lowers_a_freeze_nor_changes_the_platform() -> None:
    assert set(e.BRAKE) == {e.RaiseFreeze, e.EndSession}
    assert get_args(e.FreezeLevel) == ("ingress", "sealed")
