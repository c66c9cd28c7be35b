"""How the toolkit's HTTP clients verify certificates."""

import ssl

import pytest

from rubyops.adapters.http import trust


def test_a_client_for_plain_http_reads_no_certificate_and_trusts_none() -> None:
    found = trust("http://127.0.0.1:8001")
    assert isinstance(found, ssl.SSLContext)
    assert (found.verify_mode, found.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert found.get_ca_certs() == []


@pytest.mark.parametrize("url", ["https://wallet.internal", "HTTPS://wallet.internal", "wallet:1"])
def test_every_other_client_verifies_with_the_machines_certificates(url: str) -> None:
    assert trust(url) is True
