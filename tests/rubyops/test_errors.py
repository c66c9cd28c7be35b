"""Errors that several modules raise are worded in one place."""

from rubyops.config import CHECKOUT
from rubyops.errors import LockLost, overtaken


def test_an_overtaken_act_names_the_reason_and_who_has_the_lock() -> None:
    error = overtaken("fencing token 3 was overtaken by 4")
    assert isinstance(error, LockLost)
    assert error.message == "another run has taken over: fencing token 3 was overtaken by 4"
    assert error.next_command == "rubyops lock show"


def test_nobody_else_words_it() -> None:
    modules = (CHECKOUT / "rubyops").rglob("*.py")
    words = "another run has taken over:"
    found = [path.name for path in modules if words in path.read_text(encoding="utf-8")]
    assert found == ["errors.py"]
