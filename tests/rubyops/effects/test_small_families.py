"""The messages and outcomes of waits, suites, verifications, exports and processes."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from rubyops.effects.export import ExportTables
from rubyops.effects.platform import StartPlatform, StartProcesses, StopProcesses
from rubyops.effects.suites import RunSuites
from rubyops.effects.verification import BeginVerification, RecordVerification
from rubyops.effects.wait import WaitFor
from rubyops.errors import CheckFailed, TimedOut
from rubyops.model.finding import failed, passed
from rubyops.ports import Copy, EffectIdentity, Row
from rubyops.testing.effects import Recorder, RecordingExport, RecordingPlatform
from tests.rubyops.effects.contexts import Around


def test_a_wait_ends_with_the_finding_that_holds() -> None:
    findings = iter([failed("2 of 8"), failed("7 of 8"), passed("8 of 8")])
    around = Around(check=lambda name: next(findings))
    assert WaitFor("health", 5.0, 0.001).carry_out(None, around.context()).summary == "8 of 8"


def test_a_wait_in_vain_tells_the_last_finding() -> None:
    around = Around(check=lambda name: failed("7 of 8", missing="gateway"))
    with pytest.raises(TimedOut, match="7 of 8") as caught:
        WaitFor("health", 0.0, 0.001).carry_out(None, around.context())
    assert caught.value.details == {"missing": "gateway"}


class Figures:
    """A stub of the suite runner that reports these failures."""

    def __init__(self, *failures: str) -> None:  # noqa: D107
        self.failures = list(failures)

    def run(
        self, suites: Mapping[str, Sequence[str]], while_waiting: Callable[[], None]
    ) -> dict[str, Row]:
        """Return the counts of each suite."""
        while_waiting()
        return {name: {"passed": 3, "failures": self.failures} for name in suites}


SUITES = RunSuites({"topology": ("a.py",), "policy": ("b.py",)})


def test_suites_that_pass_are_counted() -> None:
    outcome = SUITES.carry_out(Figures(), Around().context())
    assert outcome.summary == "topology 3 passed; policy 3 passed"


def test_a_suite_that_fails_names_its_tests() -> None:
    with pytest.raises(CheckFailed, match="2 of 2 suites failed: topology: a.py::test_x"):
        SUITES.carry_out(Figures("a.py::test_x"), Around().context())


def test_a_part_of_a_verification_is_begun_and_recorded() -> None:
    told: list[tuple[str, str]] = []

    class Kept:
        def begin(self, identity: EffectIdentity, kind: str) -> None:
            told.append(("begin", kind))

        def record(self, identity: EffectIdentity, kind: str) -> None:
            told.append(("record", kind))

    BeginVerification("smoke").carry_out(Kept(), Around().context())
    RecordVerification("smoke").carry_out(Kept(), Around().context())
    assert told == [("begin", "smoke"), ("record", "smoke")]


def test_an_export_names_its_folder() -> None:
    outcome = ExportTables(("a", "b")).carry_out(RecordingExport(Recorder()), Around().context())
    assert outcome.summary == "2 tables in nowhere"


def test_processes_are_named() -> None:
    recorder, around = Recorder(), Around()
    around.read.kept = [Copy("gateway", 1, "http://127.0.0.1:1", 7, "running")]
    platform = RecordingPlatform(recorder)
    started = StartPlatform((("gateway", 2),))
    assert started.describe().endswith("restart gateway copy 2")
    assert started.carry_out(platform, around.context()).details == {"copies": 1}
    StopProcesses(("a", "b")).carry_out(platform, around.context())
    StartProcesses(("a", "b")).carry_out(platform, around.context())
    assert recorder.acts == [("start_platform", ""), ("stop", "a,b"), ("start", "a,b")]
