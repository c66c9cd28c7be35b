"""No answer of a process shows one of its secrets, wherever an error carries it."""

import json
from collections.abc import Iterator
from urllib.parse import quote

import msgspec
import pytest

from tests.wallet_runtime.serving import OBSERVER, Served, serving
from wallet_runtime.contract.processes import WALLET_SERVICE
from wallet_runtime.contract.secrets import HOLDERS, MASK
from wallet_runtime.plumbing.errors import ApiError, Conflict
from wallet_runtime.plumbing.http import auth
from wallet_runtime.plumbing.http.app import Answer, Call, Route, Service
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.health import Health
from wallet_runtime.plumbing.runtime.settings import SecretBytes
from wallet_runtime.wallet.api.command import batch_result

URLS = ("DATABASE_URL", "CONTROL_DATABASE_URL", "REDIS_URL")
planted: list[str] = []


def texts() -> list[str]:
    """Return texts that contain secrets: as a plain value, and in a URL."""
    return [
        f"it was {planted[0]}",
        f"cannot reach postgresql://user:{quote(planted[0], safe='')}@host/ruby",
    ]


def a_refusal() -> ApiError:
    return Conflict(" ".join(texts()), details={"why": texts(), "deep": {"deeper": planted[0]}})


def refuse(context: Context, call: Call) -> Answer:
    """Raise a refusal with a secret in its message and details."""
    raise a_refusal()


def fail(context: Context, call: Call) -> Answer:
    """Raise an unexpected error with a secret in its text."""
    raise RuntimeError(" ".join(texts()))


SERVICE = Service(
    WALLET_SERVICE,
    routes=(
        Route("GET", "/refuse", refuse, access=auth.public),
        Route("GET", "/fail", fail, access=auth.public),
    ),
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(SERVICE) as running:
        yield running


def answers(served: Served) -> dict[str, str]:
    """Return the answers that could repeat the text of an error, by their kind."""
    told = {path: served.client.get(path).text for path in ("/refuse", "/fail")}
    result = batch_result("request-1", a_refusal())
    return told | {"a result of a batch": msgspec.json.encode(result).decode()}


@pytest.mark.parametrize("name", [*HOLDERS, *URLS])
@pytest.mark.parametrize("form", ["value-of-{}", 'si"gns/of\\{}'], ids=["plain", "with signs"])
def test_no_answer_shows_a_secret(served: Served, name: str, form: str) -> None:
    value = form.format(name.lower())
    SecretBytes(f"postgresql://user:{quote(value, safe='')}@host/x" if name in URLS else value)
    planted[:] = [value]
    told = answers(served)
    planted.clear()
    shown = {value, json.dumps(value)[1:-1], quote(value, safe="")}
    for what, text in told.items():
        assert not [each for each in shown if each in text], what
    assert told["/refuse"].count(MASK) >= 5 and told["a result of a batch"].count(MASK) >= 5


def test_health_shows_no_secret(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    value = "value-of-a-check"
    SecretBytes(value)
    answer = {"process": WALLET_SERVICE, "status": "failing", "checks": {"database": f"no {value}"}}
    monkeypatch.setattr(Health, "answer", lambda self: answer)
    told = served.client.get("/health", headers=OBSERVER).text
    assert MASK in told and value not in told
