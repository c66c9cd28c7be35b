"""A secret never appears in a text, and drivers can use its value."""

from rubyops.model.secret import Secret


def test_a_secret_is_masked_wherever_it_is_shown() -> None:
    secret = Secret("hunter2")
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r}",
        "%s" % secret,  # noqa: UP031
        "{}".format(secret),  # noqa: UP032
        repr([secret]),
        f"{secret:>10}",
    ]
    assert not any("hunter2" in text for text in shown)
    assert secret.reveal() == "hunter2"
    assert secret.encode() == b"hunter2"
