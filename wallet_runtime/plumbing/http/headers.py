"""Request headers, checked when they are read."""

import re
from collections.abc import Iterable
from uuid import UUID

from wallet_runtime.contract.headers import BRAND_HEADER
from wallet_runtime.plumbing.errors import Invalid
from wallet_runtime.plumbing.runtime.identifiers import parse_uuid

HEADER_VALUE_LENGTH_MAX = 255
CLIENT_ID_LENGTH_MAX = 200
NUMBER = "0|[1-9][0-9]{0,18}"
BIGINT_MAX = 2**63 - 1


class Headers:
    """The headers of a request, by name in any case; reading one that was sent twice fails."""

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """Take the name and value pairs of an ASGI scope."""
        self._values: dict[str, str] = {}
        self._repeated: set[str] = set()
        for raw_name, raw_value in pairs:
            name = raw_name.decode("latin-1").lower()
            if name in self._values:
                self._repeated.add(name)
            self._values[name] = raw_value.decode("latin-1")

    def get(self, name: str) -> str | None:
        """Return the value, or None if the header is absent.

        Raises `Invalid` (422) if it was sent more than once.
        """
        lower = name.lower()
        if lower in self._repeated:
            raise Invalid(f"header {name} was sent more than once; send it once")
        return self._values.get(lower)

    def identifier(self, name: str) -> str | None:
        """Return an id that a client chose, or None if the header is absent.

        Raises `Invalid` (422) unless it has 1 to 255 printable ASCII characters without spaces.
        """
        value = self.get(name)
        return None if value is None else confirm_identifier(value, f"header {name}")

    def number(self, name: str) -> int | None:
        """Return a whole number from 0 to 2**63 - 1, or None if the header is absent.

        Raises `Invalid` (422) for any other value.
        """
        value = self.get(name)
        if value is None:
            return None
        if _is_bigint(value):
            return int(value)
        raise Invalid(
            f"header {name} must be a whole number from 0 to {BIGINT_MAX}, found {value[:40]!r}"
        )

    def brand_id(self) -> UUID | None:
        """Return the brand's id from X-Brand-Id, or None if the header is absent.

        Raises `Invalid` (422) if it is no UUID.
        """
        value = self.get(BRAND_HEADER)
        return None if value is None else _uuid_of(value, f"header {BRAND_HEADER}")


def confirm_identifier(value: str, where: str) -> str:
    """Return the id, or raise `Invalid` (422) if it breaks the rules of `Headers.identifier`.

    `where` names the header or field in the message.
    """
    if not 0 < len(value) <= HEADER_VALUE_LENGTH_MAX or not all(
        "!" <= character <= "~" for character in value
    ):
        raise Invalid(
            f"{where} must be 1 to {HEADER_VALUE_LENGTH_MAX} printable ASCII characters "
            "without spaces"
        )
    return value


def scoped_id(owner: object, identifier: str, header: str) -> str:
    """Prefix a client's id with its owner, so that ids of two players or providers never collide.

    Raises `Invalid` (422) for an id of more than 200 characters, because the prefix needs room.
    """
    if len(identifier) > CLIENT_ID_LENGTH_MAX:
        raise Invalid(
            f"header {header} may have {CLIENT_ID_LENGTH_MAX} characters here, "
            f"found {len(identifier)}"
        )
    return f"{owner}.{identifier}"


def _is_bigint(text: str) -> bool:
    return re.fullmatch(NUMBER, text) is not None and int(text) <= BIGINT_MAX


def _uuid_of(text: str, where: str) -> UUID:
    value = parse_uuid(text)
    if value is None:
        raise Invalid(
            f"{where} must be a UUID such as 0f8fad5b-d9cb-469f-a165-70867728950e, "
            f"found {text[:40]!r}"
        )
    return value


def bearer(headers: Headers) -> str | None:
    """Return the token of the header `Authorization: Bearer <token>`, or None."""
    value = headers.get("Authorization")
    if value is None or not value.startswith("Bearer "):
        return None
    return value.removeprefix("Bearer ") or None
