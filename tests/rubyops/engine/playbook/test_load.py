"""A playbook is validated before a run; an error names the line, the value and what is allowed."""

import pytest

from rubyops.engine.playbook.load import parse_playbook
from rubyops.errors import PlaybookInvalid
from tests.rubyops.engine.tiny import LIBRARY, Params

HEAD = "schema: rubyops.playbook/v1\nname: tiny\ntitle: Tiny\nkind: task\n"
STEP = "steps:\n  - id: one\n    command: several\n"


def faults(text: str, given: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(PlaybookInvalid) as caught:
        parse_playbook(text, "tiny.yaml", LIBRARY, given)
    return caught.value.message.splitlines()[1:]


def test_a_playbook_is_typed_into_the_commands_own_params() -> None:
    text = (
        HEAD
        + "parameters:\n  times: {type: integer, default: 3}\n"
        + STEP
        + "    with: {calls: '${times}', word: 'x${times}'}\n    covers: [PRD-0]\n"
    )
    loaded = parse_playbook(text, "tiny.yaml", LIBRARY)
    assert loaded.steps[0].params == Params(calls=3, word="x3")
    assert (loaded.steps[0].covers, loaded.steps[0].line) == (("PRD-0",), 8)
    assert parse_playbook(text, "tiny.yaml", LIBRARY, {"times": "5"}).steps[0].params == Params(
        calls=5, word="x5"
    )


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", "1:1", "empty"),
        ("# only a remark\n", "1:1", "empty"),
        ("- a\n", "1:1", "a playbook is a mapping"),
        ("a: [b\n", "2:1", "not YAML"),
        (HEAD + "stpes: []\n", "5:1", "unknown key 'stpes', did you mean 'steps'?"),
        (HEAD.replace("task", "rolback") + STEP, "4:7", "did you mean 'rollback'?"),
        (HEAD + "steps:\n  - id: one\n    command: severel\n", "7:14", "did you mean 'several'?"),
        (HEAD + "steps:\n  - id: one\n    check: fein\n", "7:12", "is not known"),
        (
            HEAD + "steps:\n  - id: one\n    command: several\n    check: fine\n",
            "6:5",
            "exactly one",
        ),
        (HEAD + STEP + "    with: {call: 1}\n", "8:18", "unknown parameter 'call'"),
        (HEAD + STEP + "    with: {calls: off}\n", "8:19", "expected `int`, got `str`"),
        (HEAD + STEP + "    with: {word: 1.10}\n", "8:18", "found 1.1"),
        (HEAD + STEP + "    with: {calls: 010}\n", "8:19", "got `str`"),
        (
            HEAD + STEP + "  - id: one\n    check: fine\n",
            "8:5",
            "step id 'one' stands twice; first on line 6",
        ),
        (HEAD + "name: again\n" + STEP, "5:1", "stands twice; first on line 2"),
        (HEAD + STEP + "    with: &a {calls: 1}\n", "8:11", "anchors are not allowed"),
        (HEAD + STEP + "    with: *a\n", "8:11", "aliases are not allowed"),
        (HEAD + STEP + "    with: {<<: {calls: 1}}\n", "8:12", "merge keys are not allowed"),
        (
            HEAD + STEP + "    with: {word: !!python/name:os.system ''}\n",
            "8:18",
            "tags are not allowed",
        ),
        (HEAD + STEP + "    with: {word: '${nobody}'}\n", "8:18", "is not a declared parameter"),
        (HEAD + "parameters: {lost: {type: string, default: a}}\n" + STEP, "5:14", "never used"),
        (
            HEAD
            + "parameters: {p: {type: integer, default: x}}\n"
            + STEP
            + "    with: {calls: '${p}'}\n",
            "5:42",
            "must be of type integer",
        ),
        (
            HEAD + "parameters: {p: {type: integer}}\n" + STEP + "    with: {calls: '${p}'}\n",
            "5:17",
            "--set p=...",
        ),
        (
            HEAD
            + "parameters: {p: {type: integer, default: 4, allowed: [1]}}\n"
            + STEP
            + "    with: {calls: '${p}'}\n",
            "5:17",
            "allowed",
        ),
        (HEAD.replace("task", "rollback") + STEP, "6:1", "freezes as its first step"),
        (HEAD + "steps: []\n", "5:8", "at least one step"),
        (HEAD + "---\nb: 1\n" + STEP, "6:1", "a second document"),
        (HEAD + "steps: " + "[" * 20_000, "5:23", "nested deeper than 16"),
    ],
)
def test_a_fault_names_its_place_and_what_is_allowed(text: str, place: str, words: str) -> None:
    found = faults(text)
    assert any(line.startswith(f"tiny.yaml:{place}: ") and words in line for line in found), found
    assert not any("NoneType" in line or "null" in line for line in found), (
        "no fault is only the shadow of another one"
    )


def test_all_faults_are_reported_together() -> None:
    found = faults(
        "schema: v0\nname: 1\nkind: task\nsteps:\n"
        "  - id: A\n    command: several\n    with: {calls: x, wrod: y}\n"
    )
    assert len(found) == 6, found


def test_an_unknown_given_parameter_is_refused() -> None:
    assert "parameter 'x' was given" in faults(HEAD + STEP, {"x": "1"})[0]
