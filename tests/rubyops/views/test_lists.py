"""Open bets, dead letters, activations and environments, as lists of typed records."""

from datetime import UTC, datetime
from pathlib import Path

from rubyops.model.environment import Environment
from rubyops.model.secret import Secret
from rubyops.ports import Row
from rubyops.testing.reading import StillRead
from rubyops.views.activations import read_activations
from rubyops.views.bets import read_open_bets
from rubyops.views.dead_letters import read_dead_letters
from rubyops.views.environments import show_environments
from rubyops.views.view import plain, released
from tests.checks.live import LiveRead
from tests.checks.money import Money
from tests.rubyops.views.test_columns import MALFORMED

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
FIRST: Row = {
    "activation_no": 1,
    "topology_code": "SPLIT",
    "topology_version": 1,
    "policy_key": "default",
    "policy_version": 2,
    "from_topology_code": None,
    "from_topology_version": None,
    "from_policy_version": None,
    "caller": "ann",
    "activated_at": NOON,
}
SECOND: Row = FIRST | {
    "activation_no": 2,
    "topology_code": "UNIFIED",
    "from_topology_code": "SPLIT",
    "from_topology_version": 1,
    "from_policy_version": 2,
}
ACTIVATED = StillRead({"facts_activations": [FIRST, SECOND]})


def test_open_bets_are_counted_beyond_those_that_are_shown(money: Money, read: LiveRead) -> None:
    money.bet(700)
    view = read_open_bets(read, 1)
    (bet,) = view.bets
    assert (bet.stake, bet.currency, view.total) == (500, "EUR", 2)
    assert view.results[0].summary == "stake 500 minor units of EUR"
    assert view.beside == {"total": 2}


def test_dead_letters_name_their_error(money: Money, read: LiveRead) -> None:
    assert read_dead_letters(read, None, 10).total == 0
    money.plant(MALFORMED)
    view = read_dead_letters(read, None, 10)
    (item,) = view.results
    assert (item.summary, view.total) == ("no type", 1)
    assert item.details.reason == "MALFORMED"


def test_an_activation_names_its_pair_and_the_one_before() -> None:
    first, second = read_activations(ACTIVATED, "topology", None).activations
    assert (first.pair, first.before) == ("SPLIT v1 with policy default v2", None)
    assert (second.pair, second.before) == (
        "UNIFIED v1 with policy default v2",
        "SPLIT v1, policy v2",
    )


def test_activations_of_one_name_alone_are_listed() -> None:
    view = read_activations(ACTIVATED, "topology", "UNIFIED")
    assert [item.id for item in view.results] == ["2"]
    assert len(read_activations(ACTIVATED, "policy", "default").results) == 2
    assert read_activations(ACTIVATED, "policy", "other").results == ()


def test_an_environment_is_shown_with_its_file_and_without_its_secrets(tmp_path: Path) -> None:
    known = Environment(
        "local", "local", "local", "RUBY_SPLIT_V1", 1, 5, False, tmp_path, Secret("hush")
    )
    view = show_environments([known], Path("/etc/environments.yaml"))
    (item,) = view.results
    assert (item.id, item.summary) == ("local", str(tmp_path))
    details = released(item)["details"]
    assert list(details)[-3:] == ["database_url", "redis_url", "source"]
    assert details["source"] == "/etc/environments.yaml"
    assert "hush" not in str(plain(view))
