"""The passwords, tokens and keys of one environment: generated on first use, kept in `secrets.json` that only its owner reads."""

import json
import secrets
from pathlib import Path

from rubyops.adapters.durable import read_state, replace_state
from rubyops.adapters.local.servers import REDIS_USERS, SUPERUSER
from rubyops.errors import NoSecret
from rubyops.model.secret import Secret
from wallet_runtime import contract
from wallet_runtime.contract import persons

READ_ROLE = "rubyops_read"
OPERATOR_ROLE = "rubyops_ops"
LOGIN_ROLES = (*contract.PROCESSES, READ_ROLE, OPERATOR_ROLE)
SESSION_KEY = "PLAYER_SESSION_KEY"
ADMIN_TOKEN = f"{contract.ADMIN_TOKEN_PREFIX}OPERATOR"
ADMIN_TOKENS = (ADMIN_TOKEN, f"{contract.ADMIN_TOKEN_PREFIX}REVIEWER")  # what takes two persons can be rehearsed
_BYTES = 24
REMEDY = (
    "It has the passwords of the environment's databases. Put a copy of it back, or remove the "
    "folder of the environment to begin anew without its data."
)


def role_password(role: str) -> str:
    """Name the secret that is a database role's password."""
    return f"DATABASE_PASSWORD_{role.upper()}"


def redis_password(user: str) -> str:
    """Name the secret that is a Valkey user's password."""
    return f"REDIS_PASSWORD_{user.upper()}"


def token(caller: str) -> str:
    """Name the secret by which a caller proves itself; it is also the environment variable that carries it."""
    return f"{contract.TOKEN_VARIABLE_PREFIX}{caller.upper()}"


def provider_secret(provider: str) -> str:
    """Name the secret a provider signs with; it is also the environment variable that carries it."""
    return f"{contract.PROVIDER_SECRET_PREFIX}{provider.upper()}"


def person_key(process: str) -> str:
    """Name the key with which admin_service signs persons for a process; it is also the environment variable that carries it."""
    return f"{persons.PERSON_KEY_PREFIX}{process.upper()}"


NAMES = (
    *(role_password(role) for role in (SUPERUSER, *LOGIN_ROLES)),
    *(redis_password(user) for user in REDIS_USERS),
    *(token(caller) for caller in contract.CALLERS),
    *(provider_secret(provider) for provider in contract.PROVIDERS),
    SESSION_KEY,
    *ADMIN_TOKENS,
    *(person_key(process) for process in persons.COUNTING_PROCESSES),
)


class Keyring:
    """Reads one environment's secrets; those that are not there yet are made by `complete`."""

    def __init__(self, path: Path) -> None:
        """Read the file at `path`, if there is one. Raises `StateDamaged`."""
        self._path = path
        self._values = read_state(path, dict[str, str], REMEDY) or {}

    @property
    def empty(self) -> bool:
        """True before anything was generated."""
        return not self._values

    def complete(self) -> None:
        """Generate what is missing. Values are safe in URLs, shells and configuration files."""
        missing = [name for name in NAMES if name not in self._values]
        if not missing:
            return
        self._values |= {name: secrets.token_urlsafe(_BYTES) for name in missing}
        replace_state(self._path, json.dumps(self._values, indent=2))

    def __getitem__(self, name: str) -> Secret:
        """Return one secret; `NoSecret` for a name that does not exist."""
        try:
            return Secret(self._values[name])
        except KeyError:
            raise NoSecret(f"No secret is named {name!r} in {self._path}; known are {', '.join(NAMES)}.") from None
