"""A process verifies the TLS certificates of the services that it calls."""

import ssl

from wallet_runtime.plumbing.runtime.context import _trust


def test_a_process_that_calls_over_plain_http_trusts_no_certificate() -> None:
    found = _trust(["http://127.0.0.1:8001", "http://127.0.0.1:8002"])
    assert isinstance(found, ssl.SSLContext)
    assert (found.verify_mode, found.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert found.get_ca_certs() == []


def test_a_process_that_calls_one_other_over_tls_verifies_with_the_machines_certificates() -> None:
    assert _trust(["http://127.0.0.1:8001", "https://wallet.internal"]) is True
