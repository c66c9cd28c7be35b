"""The operator's name comes from the user id or from sudo, never from a variable like USER."""

import os
import pwd
import subprocess
import sys
from collections.abc import Callable

import pytest

from rubyops.adapters.host import ROOT, this_process

NAMED = next(entry for entry in pwd.getpwall() if entry.pw_uid != ROOT)
SAY = "from rubyops.adapters.host import this_process; print(this_process().who)"
As = Callable[..., str]


def unnamed_uid() -> int:
    """A user id without a passwd entry."""
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(uid for uid in range(23456, 65000) if uid not in taken)


@pytest.fixture
def named_as(monkeypatch: pytest.MonkeyPatch) -> As:
    """A function that returns the operator's name for a user id and a value of SUDO_UID."""

    def ask(uid: int, sudo_uid: str | None = None) -> str:
        monkeypatch.setattr(os, "getuid", lambda: uid)
        monkeypatch.delenv("SUDO_UID", raising=False)
        if sudo_uid is not None:
            monkeypatch.setenv("SUDO_UID", sudo_uid)
        return this_process().who

    return ask


@pytest.mark.parametrize("variable", ["LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"])
def test_a_variable_of_the_shell_names_nobody(variable: str) -> None:
    without = {name: text for name, text in os.environ.items() if name != "SUDO_UID"}
    environ = {**without, variable: "ann"}
    command = [sys.executable, "-c", SAY]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == pwd.getpwuid(os.getuid()).pw_name


def test_a_user_is_named_by_passwd_and_without_an_entry_by_number(named_as: As) -> None:
    assert named_as(NAMED.pw_uid) == NAMED.pw_name
    assert named_as(unnamed_uid()) == str(unnamed_uid())


def test_sudo_names_the_person_behind_it(named_as: As) -> None:
    assert named_as(ROOT, str(NAMED.pw_uid)) == NAMED.pw_name
    assert named_as(ROOT, str(unnamed_uid())) == str(unnamed_uid())
    assert named_as(ROOT, str(ROOT)) == pwd.getpwuid(ROOT).pw_name


def test_another_user_does_not_become_a_person_by_sudos_variable(named_as: As) -> None:
    assert named_as(unnamed_uid(), str(NAMED.pw_uid)) == str(unnamed_uid())


@pytest.mark.parametrize("told", ["", "ann", "-1", "\u0663", "1 ", "9" * 5000])
def test_a_variable_that_sudo_did_not_write_is_not_believed(named_as: As, told: str) -> None:
    assert named_as(ROOT, told) == pwd.getpwuid(ROOT).pw_name


def test_a_number_that_no_user_can_have_is_a_number(named_as: As) -> None:
    assert named_as(ROOT, "9" * 10) == "9" * 10
