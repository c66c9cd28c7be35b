"""What the canary's hands sign, the gateway accepts."""

from rubyops.adapters.actor import provider_signature
from tests.wallet_runtime.serving import BRAND, environment_for
from wallet_runtime import contract
from wallet_runtime.plumbing.http import auth
from wallet_runtime.plumbing.http.headers import Headers
from wallet_runtime.plumbing.runtime.settings import read_settings

PATH = "/v2/bets/authorize"
BODY = b'{"bet_id":"b1"}'


def test_a_signed_callback_is_let_in() -> None:
    signature = provider_signature("secret-of-mockslots", PATH, str(BRAND), "r-1", BODY)
    named = {
        contract.PROVIDER_HEADER: "mockslots",
        contract.PROVIDER_SIGNATURE_HEADER: signature,
        contract.BRAND_HEADER: str(BRAND),
        contract.REQUEST_ID_HEADER: "r-1",
    }
    headers = Headers((name.encode(), value.encode()) for name, value in named.items())
    settings = read_settings(contract.GATEWAY, environment_for(contract.GATEWAY, 1))
    assert (
        auth.provider(settings, auth.Attempt("POST", PATH, PATH, headers, BODY)).caller
        == "mockslots"
    )
