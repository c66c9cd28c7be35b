"""The signature of a provider's callback (SPEC 1.6).

The tests cover the signed parts and all invalid forms.
"""

import hashlib
import hmac
import time

import pytest

from tests.wallet_runtime.serving import environment_for
from wallet_runtime.contract.processes import GATEWAY
from wallet_runtime.plumbing.errors import Unauthorized
from wallet_runtime.plumbing.http import auth
from wallet_runtime.plumbing.http.headers import Headers
from wallet_runtime.plumbing.runtime.settings import read_settings

SETTINGS = read_settings(GATEWAY, environment_for(GATEWAY, 1))
NOW = 1_800_000_000
BRAND = "0f8fad5b-d9cb-469f-a165-70867728950e"
BODY = b'{"bet_id":"b1"}'
TEXT = f"POST\n/v2/bets/settle\n{BRAND}\n{NOW}\nr-1\n{hashlib.sha256(BODY).hexdigest()}"
DIGEST = hmac.new(b"secret-of-mocksports", TEXT.encode(), hashlib.sha256).hexdigest()
GOOD = f"t={NOW},v1={DIGEST}"


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock at NOW."""
    set_clock(monkeypatch, NOW)


def set_clock(monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    monkeypatch.setattr(time, "time", lambda: float(now))


def ask(
    *more: tuple[str, str],
    method: str = "POST",
    path: str = "/v2/bets/settle",
    raw: bytes = BODY,
    **change: str,
) -> auth.Identity:
    named = {
        "x-provider-id": "mocksports",
        "x-provider-signature": GOOD,
        "x-brand-id": BRAND,
        "x-request-id": "r-1",
    }
    named |= {name.replace("_", "-"): value for name, value in change.items()}
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in [*named.items(), *more]]
    return auth.provider(SETTINGS, auth.Attempt(method, path, path, Headers(pairs), raw))


def test_a_signature_over_all_that_is_asked_lets_the_provider_in() -> None:
    assert ask() == auth.Identity("mocksports")


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"path": "/v2/bets/rollback"},
        {"raw": b'{"bet_id":"b2"}'},
        {"x_brand_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7"},
        {"x_request_id": "r-2"},
        {"x_provider_id": "mocklive"},
        {"x_provider_id": "unknown"},
        {"x_provider_signature": f"t={NOW + 1},v1={DIGEST}"},
        {"x_provider_signature": f"t={NOW},v1={'0' * 64}"},
    ],
)
def test_whatever_is_changed_the_signature_is_wrong(change: dict[str, str]) -> None:
    with pytest.raises(Unauthorized):
        ask(**change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("drift", "good"), [(-301, False), (-300, True), (300, True), (301, False)]
)
def test_a_signature_holds_for_five_minutes_to_either_side(
    monkeypatch: pytest.MonkeyPatch, drift: int, good: bool
) -> None:
    set_clock(monkeypatch, NOW + drift)
    if good:
        ask()
        return
    with pytest.raises(Unauthorized):
        ask()


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "t=,v1=",
        DIGEST,
        f"v1={DIGEST},t={NOW}",
        f"t={NOW},v1={DIGEST},v1={DIGEST}",
        f"t={NOW},v1={DIGEST} ",
        f"t={NOW},v1={DIGEST[:-1]}",
        f"t={NOW},v1={DIGEST.upper()}",
        f"t=-{NOW},v1={DIGEST}",
        f"t={NOW}.0,v1={DIGEST}",
        f"t={'9' * 5000},v1={DIGEST}",
        f"t=\xb2,v1={DIGEST}",
        f"t={NOW},v1=" + "\xe9" * 64,
    ],
)
def test_a_malformed_signature_is_a_401_and_no_more(signature: str) -> None:
    with pytest.raises(Unauthorized):
        ask(x_provider_signature=signature)


@pytest.mark.parametrize(
    "name", ["x-provider-id", "x-provider-signature", "x-brand-id", "x-request-id"]
)
def test_a_credential_that_is_sent_twice_is_none(name: str) -> None:
    with pytest.raises(Unauthorized):
        ask((name, "again"))
