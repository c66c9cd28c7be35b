"""Persons of acts that take two: who they are, and how admin_service signs that one of them asked.

Two strings are not two persons. A person is a name in its normal form together with the key by
which the person was known. Two acts are of two persons only when both differ. The service that
counts persons knows them by a signature of admin_service, not by a field of a body: the internal
token alone signs nothing.
"""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, unquote

from wallet_runtime.contract.consumers import CONSUMER_SERVICES
from wallet_runtime.contract.processes import WALLET_SERVICE

# A key of its own for each service that counts persons, which admin_service has too:
# PERSON_KEY_WALLET_SERVICE ...
PERSON_KEY_PREFIX = "PERSON_KEY_"
COUNTING_PROCESSES = (WALLET_SERVICE, *CONSUMER_SERVICES)

PERSON_HEADER = "X-Signed-Person"
# HMAC-SHA256 over this text. `route` is the path as sent, `brand` is "" for an act that belongs to
# none, `timestamp` is in Unix seconds, `body_hash` is the SHA-256 of the raw body; digests are
# lower-case hex. The first line is the version.
SIGNED_TEXT = (
    "rubyops-person-1\n{person}\n{key_id}\n{brand}\n{method}\n{route}\n"
    "{request_id}\n{timestamp}\n{body_hash}"
)
HEADER_VALUE = "v1;person={person};key={key_id};t={timestamp};sig={digest}"
SIGNATURE_SECONDS = 300  # how far the timestamp may be from the reader's clock, to either side
NAME_LENGTH_MAX = 64

_VALUE = re.compile(
    r"v1;person=([!-:<-~]{1,1024});key=([0-9a-f]{32});t=([0-9]{1,12});sig=([0-9a-f]{64})"
)
_KEY_ID_TEXT = b"rubyops-person-key-1\n"


class NoPerson(Exception):
    """A name that names nobody, or a signature that proves nobody; the message says which."""


@dataclass(frozen=True, slots=True)
class Person:
    """A name in its normal form, and the id of the key by which the person was known."""

    name: str
    key_id: str

    def is_same(self, other: "Person") -> bool:
        """Whether both may be one person: one name, or one key under two names."""
        return self.name == other.name or self.key_id == other.key_id


@dataclass(frozen=True, slots=True)
class Act:
    """The request that a person is signed for. `brand` is "" where the request names none."""

    brand: str
    method: str
    route: str
    request_id: str
    body: bytes


def normal_name(text: str) -> str:
    """Return a name as it is compared: `Ann`, `ann ` and full-width letters are one.

    Raises `NoPerson` for an empty or too long one.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    seen = "".join(" " if character.isspace() else character for character in folded)
    # Control and format characters show nothing, so they tell no two persons apart.
    name = " ".join(
        "".join(
            character for character in seen if unicodedata.category(character)[0] != "C"
        ).split()
    )
    if not 1 <= len(name) <= NAME_LENGTH_MAX:
        raise NoPerson(
            f"a person's name has 1 to {NAME_LENGTH_MAX} visible characters, found {len(name)}"
        )
    return name


def key_id_of(token: bytes) -> str:
    """Return the id of a person's key, by which one key under two names is known.

    The key cannot be read from it.
    """
    return hashlib.sha256(_KEY_ID_TEXT + token).hexdigest()[:32]


def sign(key: bytes, person: Person, act: Act, now: float) -> str:
    """Write the header that says that this person asked for this act."""
    timestamp = int(now)
    return HEADER_VALUE.format(
        person=quote(person.name, safe=""),
        key_id=person.key_id,
        timestamp=timestamp,
        digest=_digest(key, person, act, timestamp),
    )


def read(key: bytes, value: str, act: Act, now: float) -> Person:
    """Return the person whom a header signs for this act. Raises `NoPerson`."""
    given = _VALUE.fullmatch(value)
    if given is None:
        raise NoPerson("the signed person is not of the form that this version knows")
    person, timestamp = Person(unquote(given[1]), given[2]), int(given[3])
    if not hmac.compare_digest(_digest(key, person, act, timestamp), given[4]):
        raise NoPerson("the signature is not admin_service's for this person and this act")
    if abs(now - timestamp) > SIGNATURE_SECONDS:
        raise NoPerson(f"the signature is more than {SIGNATURE_SECONDS} s old, or as much ahead")
    if person.name != normal_name(person.name):
        raise NoPerson("the person's name is not in its normal form")
    return person


def _digest(key: bytes, person: Person, act: Act, timestamp: int) -> str:
    text = SIGNED_TEXT.format(
        person=quote(person.name, safe=""),
        key_id=person.key_id,
        brand=act.brand,
        method=act.method,
        route=act.route,
        request_id=act.request_id,
        timestamp=timestamp,
        body_hash=hashlib.sha256(act.body).hexdigest(),
    )
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
