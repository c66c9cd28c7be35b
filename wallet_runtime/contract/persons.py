"""Acts that take two persons: how persons are identified, and how admin_service signs for one.

A person is a name in its normal form together with the id of the person's key. Two acts are by two
persons only if both differ, because one person could use two names. The service that counts persons
reads the person from a signature of admin_service, not from a field of the body. The internal token
alone cannot create this signature.
"""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, unquote

from wallet_runtime.contract.consumers import CONSUMER_SERVICES
from wallet_runtime.contract.processes import WALLET_SERVICE

# Each service that counts persons shares a key of its own with admin_service, for example
# PERSON_KEY_WALLET_SERVICE.
PERSON_KEY_PREFIX = "PERSON_KEY_"
COUNTING_PROCESSES = (WALLET_SERVICE, *CONSUMER_SERVICES)

PERSON_HEADER = "X-Signed-Person"
# HMAC-SHA256 over this text. `route` is the path as sent. `brand` is "" for an act without a brand.
# `timestamp` is in Unix seconds. `body_hash` is the SHA-256 of the raw body. Digests are lower-case
# hex. The first line is the version.
SIGNED_TEXT = (
    "rubyops-person-1\n{person}\n{key_id}\n{brand}\n{method}\n{route}\n"
    "{request_id}\n{timestamp}\n{body_hash}"
)
HEADER_VALUE = "v1;person={person};key={key_id};t={timestamp};sig={digest}"
SIGNATURE_SECONDS = 300  # allowed difference to the reader's clock, in either direction
NAME_LENGTH_MAX = 64

_VALUE = re.compile(
    r"v1;person=([!-:<-~]{1,1024});key=([0-9a-f]{32});t=([0-9]{1,12});sig=([0-9a-f]{64})"
)
_KEY_ID_TEXT = b"rubyops-person-key-1\n"


class NoPerson(Exception):
    """A person's name or signature is not valid; the message says which."""


@dataclass(frozen=True, slots=True)
class Person:
    """A name in its normal form, and the id of the key by which the person was known."""

    name: str
    key_id: str

    def is_same(self, other: "Person") -> bool:
        """Whether both may be one person, because the name or the key is the same."""
        return self.name == other.name or self.key_id == other.key_id


@dataclass(frozen=True, slots=True)
class Act:
    """The request that a signature covers. `brand` is "" if the request names no brand."""

    brand: str
    method: str
    route: str
    request_id: str
    body: bytes


def normal_name(text: str) -> str:
    """Return the normal form of a name: `Ann`, `ann ` and full-width letters give the same.

    Raises `NoPerson` for an empty or too long name.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    seen = "".join(" " if character.isspace() else character for character in folded)
    # Control and format characters are invisible, so they must not make two names differ.
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
    """Return the id of a person's key, which shows whether two names use one key.

    The id is a hash, so it does not reveal the key.
    """
    return hashlib.sha256(_KEY_ID_TEXT + token).hexdigest()[:32]


def sign(key: bytes, person: Person, act: Act, now: float) -> str:
    """Return the signed header that proves that this person requested this act."""
    timestamp = int(now)
    return HEADER_VALUE.format(
        person=quote(person.name, safe=""),
        key_id=person.key_id,
        timestamp=timestamp,
        digest=_digest(key, person, act, timestamp),
    )


def read(key: bytes, value: str, act: Act, now: float) -> Person:
    """Verify a signed header for this act and return its person. Raises `NoPerson`."""
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
