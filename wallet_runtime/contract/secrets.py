"""Secrets: their names, the processes that hold each, and how output masks them."""

import json
from urllib.parse import quote, unquote, urlsplit

from wallet_runtime.contract.persons import COUNTING_PROCESSES, PERSON_KEY_PREFIX
from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    CALLERS,
    GATEWAY,
    OBSERVER,
    PLAYER_SERVICE,
    PROCESSES,
)
from wallet_runtime.contract.providers import PROVIDERS
from wallet_runtime.contract.routes import ROUTE_CALLERS

# Variables that hold a secret: INTERNAL_SERVICE_TOKEN_GATEWAY, PROVIDER_SECRET_MOCKSPORTS ...
TOKEN_VARIABLE_PREFIX = "INTERNAL_SERVICE_TOKEN_"
LEGACY_TOKEN_VARIABLE = "INTERNAL_SERVICE_TOKEN"
PROVIDER_SECRET_PREFIX = "PROVIDER_SECRET_"
ADMIN_TOKEN_PREFIX = "ADMIN_TOKEN_"  # + a person of the back office: ADMIN_TOKEN_ANN
MASK = "****"
SHORTEST = 8  # a shorter secret may occur in ordinary words, so it is not masked
SESSION_KEY = "PLAYER_SESSION_KEY"
OPERATOR_PERSON, REVIEWER_PERSON = (
    "OPERATOR",
    "REVIEWER",
)  # two persons, to rehearse acts that take two


def token(caller: str) -> str:
    """Return the variable of a caller's token: gateway -> INTERNAL_SERVICE_TOKEN_GATEWAY."""
    return TOKEN_VARIABLE_PREFIX + caller.upper()


def provider_secret(provider: str) -> str:
    """Return the variable of the secret that a provider signs with."""
    return PROVIDER_SECRET_PREFIX + provider.upper()


def admin_token(person: str) -> str:
    """Return the variable of the token of a person of the back office."""
    return ADMIN_TOKEN_PREFIX + person.upper()


def person_key(process: str) -> str:
    """Return the variable of the key with which admin_service signs persons for a process."""
    return PERSON_KEY_PREFIX + process.upper()


def _holders_of_token(caller: str) -> tuple[str, ...]:
    admitting = {target for (target, _, _), callers in ROUTE_CALLERS.items() if caller in callers}
    return tuple(
        name for name in PROCESSES if name == caller or name in admitting or caller == OBSERVER
    )


# The processes that receive each secret, by the name of its environment variable. The toolkit knows
# all these secrets. Passwords of databases and Redis are parts of URLs; the toolkit's keyring lists
# them.
HOLDERS: dict[str, tuple[str, ...]] = {
    **{token(caller): _holders_of_token(caller) for caller in CALLERS},
    **{provider_secret(provider): (GATEWAY,) for provider in PROVIDERS},
    SESSION_KEY: (GATEWAY, PLAYER_SERVICE),
    **{
        admin_token(person): (GATEWAY, ADMIN_SERVICE)
        for person in (OPERATOR_PERSON, REVIEWER_PERSON)
    },
    **{person_key(process): (ADMIN_SERVICE, process) for process in COUNTING_PROCESSES},
}

_kept: tuple[str, ...] = ()


def keep_out(secret: str) -> None:
    """Register a password, a token, or the password of a URL, for `masked` to replace."""
    global _kept  # noqa: PLW0603 - one process, one set of secrets
    found = _password_of(secret) if "://" in secret else secret
    if len(found) >= SHORTEST:
        forms = {found, quote(found, safe=""), json.dumps(found)[1:-1]}
        _kept = tuple(sorted({*_kept, *forms}, key=len, reverse=True))


def masked(text: str) -> str:
    """Return the text with every registered secret replaced by a mask."""
    for secret in _kept:
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def _password_of(url: str) -> str:
    """Return a URL's password, or "" if it equals the user name.

    Such a password is no secret, and masking it would hide ordinary words.
    """
    try:
        parts = urlsplit(url)
        password = unquote(parts.password or "")
    except ValueError:
        return url
    return "" if password == parts.username else password
