"""Signed persons: admin_service signs, a service that counts persons reads."""

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
    """Name the request that a person is signed for; `path` may be percent-encoded or not."""
    return Act(
        "" if brand_id is None else str(brand_id), method, unquote(path), request_id, body or b""
    )


def header_for(
    settings: Settings, process: str, person: Person | None, act: Act, now: float
) -> dict[str, str]:
    """Return the header that signs the person for a call to `process`.

    Empty for a call without a person, or to a process that counts none.
    """
    key = settings.person_keys.get(process)
    if person is None or key is None:
        return {}
    return {persons.PERSON_HEADER: persons.sign(key.reveal(), person, act, now)}


def read_signed(settings: Settings, headers: Headers, act: Act, now: float) -> Person | None:
    """Return the person whom a request signs, None where it signs nobody.

    Raises `PersonNotSigned` (403) for a signature that is not valid.
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
