"""The views of the shipped playbooks, and of the steps of one playbook."""

from rubyops import bootstrap
from rubyops.registry import PLAYBOOKS
from rubyops.views.playbooks import StepsView, ValidPlaybookView, shipped_playbooks
from rubyops.views.view import released


def test_every_shipped_playbook_is_listed_with_its_file() -> None:
    rows = shipped_playbooks().results
    assert [row.id for row in rows] == list(PLAYBOOKS)
    assert all(row.summary.endswith(".yaml") for row in rows)


def test_a_step_tells_what_it_does_covers_and_where_it_stands() -> None:
    playbook = bootstrap.playbook("rollout-local")
    first = released(StepsView(playbook).results[0])
    assert (first["id"], first["summary"]) == ("up", "command: up")
    assert first["details"] == {"covers": ["LOC-1"], "line": playbook.steps[0].line}
    assert ValidPlaybookView(playbook).summary == f"{len(playbook.steps)} steps"
