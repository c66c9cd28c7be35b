"""Request bodies: typed JSON within bounds, sent over real sockets."""

import pytest

from tests.wallet_runtime.plumbing.http.sample_service import SETTLE, confirm_error, post, served
from tests.wallet_runtime.serving import Served, internal

__all__ = ["served"]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "Input data was truncated|not valid"),
        (b"[]", "Expected `object`"),
        (b'{"name": 1}', "Expected `str`"),
        (b'{"name": "a", "count": true}', "Expected `int`"),
        (b'{"name": "a", "count": "1"}', "Expected `int`"),
        (b'{"name": "a", "count": NaN}', "NaN"),
        (b'{"name": "a", "count": 1e999}', "too large"),
        (b'{"name": "a", "count": ' + b"9" * 5000 + b"}", "not valid"),
        (b'{"name": "a", "name": "b"}', "twice"),
        (b'{"name": "a", "source": "x"}', "unknown field `source`"),
        (b'{"name": "\\ud800"}', "not valid"),
        (b'{"name": "\\u0000"}', "NUL"),
        (b'{"name": "\xff"}', "not valid"),
        ('{"name": "a"}'.encode("utf-16"), "not valid"),
        (b'\xef\xbb\xbf{"name": "a"}', "not valid"),
        (b'{"name": "a"} x', "not valid"),
    ],
)
def test_a_bad_body_is_a_422(served: Served, content: bytes, named: str) -> None:
    message = str(confirm_error(post(served, content), 422, "INVALID")["message"])
    assert any(word in message for word in named.split("|")), message


def test_deep_nesting_is_a_422_also_in_a_free_document(served: Served) -> None:
    nested = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
    assert len(nested) < 64 * 1024
    confirm_error(
        served.client.put(
            "/document", content=nested, headers={"Content-Type": "application/json"}
        ),
        422,
        "INVALID",
    )
    confirm_error(post(served, b'{"name": ' + b"[" * 60_000), 422, "INVALID")


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": "\\udead"}',
    ],
)
def test_a_free_document_has_the_same_bounds(served: Served, content: bytes) -> None:
    confirm_error(
        served.client.put(
            "/document", content=content, headers={"Content-Type": "application/json"}
        ),
        422,
        "INVALID",
    )


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""],
)
def test_a_wrong_content_type_is_a_415(served: Served, content_type: str) -> None:
    confirm_error(
        post(served, b'{"name": "a"}', **{"Content-Type": content_type}),
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    )


def test_an_oversize_body_is_a_413_announced_or_not(served: Served) -> None:
    large = b'{"name": "' + b"a" * 70_000 + b'"}'
    confirm_error(post(served, large), 413, "BODY_TOO_LARGE")
    headers = {**internal("game_service"), "Content-Type": "application/json"}
    confirm_error(
        served.client.post(SETTLE, content=iter([large[:40_000], large[40_000:]]), headers=headers),
        413,
        "BODY_TOO_LARGE",
    )
