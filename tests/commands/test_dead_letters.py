"""Which consumer's dead letter a command means."""

import pytest

from commands import _dead_letters
from commands._dead_letters import consumer_named
from rubyops.errors import UsageError
from wallet_runtime.contract.consumers import WALLET_CONSUMERS, Consumer

ROLLING = WALLET_CONSUMERS["rolling"]
ANOTHER = Consumer("another", "another_group", "another_worker", "another_service")


def test_the_only_consumer_needs_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_dead_letters, "WALLET_CONSUMERS", {"rolling": ROLLING})
    assert consumer_named("") == consumer_named("rolling") == ROLLING
    with pytest.raises(UsageError, match="--consumer rolling$"):
        consumer_named("another")


def test_one_of_several_consumers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    both = {"rolling": ROLLING, "another": ANOTHER}
    monkeypatch.setattr(_dead_letters, "WALLET_CONSUMERS", both)
    assert consumer_named("another") == ANOTHER
    with pytest.raises(UsageError, match=r"--consumer rolling\|another"):
        consumer_named("")
