"""Signatures that prove to a service which back-office person is behind a request.

admin_service signs the person; the services that require two persons verify the signature.
"""

from urllib.parse import unquote
from uuid import UUID

from wallet_runtime.contract import persons
from wallet_runtime.contract.persons import Act, NoPerson, Person
from wallet_runtime.plumbing.errors import PersonNotSigned
from wallet_runtime.plumbing.http.headers import Headers
from wallet_runtime.plumbing.runtime.settings import Settings


def act_of(
    brand_id: UUID | None, method: str, path: str, request_id: str, body: bytes | None
) -> Act:
    """Build the part of a request that the signature covers; `path` may be percent-encoded."""
    return Act(
        "" if brand_id is None else str(brand_id), method, unquote(path), request_id, body or b""
    )


def header_for(
    settings: Settings, process: str, person: Person, act: Act, now: float
) -> dict[str, str]:
    """Return the signature header for a call to `process`.

    It is empty if this process has no signing key for `process`.
    """
    key = settings.person_keys.get(process)
    if key is None:
        return {}
    return {persons.PERSON_HEADER: persons.sign(key.reveal(), person, act, now)}


def read_signed(settings: Settings, headers: Headers, act: Act, now: float) -> Person | None:
    """Return the person of a request's signature header, or None without one.

    Also return None if this process has no key. Raises `PersonNotSigned` (403) for an invalid
    signature.
    """
    value, key = headers.get(persons.PERSON_HEADER), settings.person_keys.get(settings.process)
    if value is None or key is None:
        return None
    try:
        return persons.read(key.reveal(), value, act, now)
    except NoPerson as fault:
        raise PersonNotSigned(
            f"header {persons.PERSON_HEADER}: {fault}; nothing was changed"
        ) from None
