"""The gateway accepts the requests that the actor of a flow signs."""

from rubyops.adapters.actor import provider_signature
from tests.wallet_runtime.serving import BRAND, environment_for
from wallet_runtime.contract.headers import (
    BRAND_HEADER,
    PROVIDER_HEADER,
    PROVIDER_SIGNATURE_HEADER,
    REQUEST_ID_HEADER,
)
from wallet_runtime.contract.processes import GATEWAY
from wallet_runtime.plumbing.http import auth
from wallet_runtime.plumbing.http.headers import Headers
from wallet_runtime.plumbing.runtime.settings import read_settings

PATH = "/v2/bets/authorize"
BODY = b'{"bet_id":"b1"}'


def test_a_signed_callback_is_let_in() -> None:
    signature = provider_signature("secret-of-mockslots", PATH, str(BRAND), "r-1", BODY)
    named = {
        PROVIDER_HEADER: "mockslots",
        PROVIDER_SIGNATURE_HEADER: signature,
        BRAND_HEADER: str(BRAND),
        REQUEST_ID_HEADER: "r-1",
    }
    headers = Headers((name.encode(), value.encode()) for name, value in named.items())
    settings = read_settings(GATEWAY, environment_for(GATEWAY, 1))
    assert (
        auth.provider(settings, auth.Attempt("POST", PATH, PATH, headers, BODY)).caller
        == "mockslots"
    )
