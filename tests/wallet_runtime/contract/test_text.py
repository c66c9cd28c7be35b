"""Characters that act on a terminal are shown escaped on a terminal, in a log and in an answer."""

import io
import json
import sys
from dataclasses import dataclass

import pytest

from rubyops.cli.console import Console
from rubyops.engine.playbook.params import type_params
from wallet_runtime.contract.text import acts, shown, shown_in_json
from wallet_runtime.plumbing.runtime import logging

ACTING = [
    "\x1b[2J",
    "\x00",
    "\x07",
    "\r",
    "\x7f",
    "\x9b31m",
    "\u202e",
    "\u2066",
    "\u200f",
    "\u2028",
]


@dataclass(frozen=True)
class Params:
    """A parameter that a person types on the command line."""

    reason: str = ""


@pytest.mark.parametrize("sign", ACTING, ids=ascii)
def test_an_acting_character_is_seen_and_shown_escaped(sign: str) -> None:
    assert acts(f"a{sign}b")
    assert not acts(shown(f"a{sign}b"))
    told = shown_in_json(json.dumps({"reason": f"a{sign}b"}, ensure_ascii=False))
    assert not acts(told)
    assert json.loads(told) == {"reason": f"a{sign}b"}


def test_lines_columns_and_our_own_colours_stay() -> None:
    text = "\x1b[32m✔\x1b[0m Jörg\tплатёж\nnext"
    assert shown(text) == text
    assert not acts("Jörg платёж 支払い ✔")


@pytest.mark.parametrize("sign", [*ACTING, "\n"], ids=ascii)
def test_a_parameter_that_a_person_types_may_not_hold_one(sign: str) -> None:
    typed, wrong = type_params(Params, {"reason": f"why{sign}"})
    ((name, message),) = wrong
    assert name == "reason"
    assert "holds a control character" in message and not acts(message)


@pytest.mark.parametrize("sign", ACTING, ids=ascii)
def test_the_command_line_shows_it_escaped_on_both_streams(
    sign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    for output in ("text", "json"):
        console = Console(output)
        console.data(f"reason: {sign}")
        console.say(f"reason: {sign}")
        console.answer({"reason": sign})
    assert out.getvalue() and err.getvalue()
    assert not any(acts(line) for stream in (out, err) for line in stream.getvalue().split("\n"))


@pytest.mark.parametrize("sign", ACTING, ids=ascii)
def test_a_log_line_holds_none(sign: str) -> None:
    line = logging._encode({"event": "x", "path": sign})
    assert not acts(line)
    assert json.loads(line)["path"] == sign
