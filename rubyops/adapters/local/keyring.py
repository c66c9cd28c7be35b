"""The passwords, tokens and keys of one environment, in its file `secrets.json` (0600)."""

import json
import secrets
from pathlib import Path

from rubyops.adapters.durable import read_state, replace_state
from rubyops.adapters.local.servers import REDIS_USERS, SUPERUSER
from rubyops.errors import NoSecret
from rubyops.model.secret import Secret
from wallet_runtime.contract.processes import PROCESSES
from wallet_runtime.contract.secrets import HOLDERS, keep_out

READ_ROLE = "rubyops_read"
OPERATOR_ROLE = "rubyops_ops"
LOGIN_ROLES = (*PROCESSES, READ_ROLE, OPERATOR_ROLE)
_BYTES = 24
REMEDY = (
    "It has the passwords of the environment's databases. Put a copy of it back, or remove the "
    "folder of the environment to begin anew without its data."
)


def role_password(role: str) -> str:
    """Return the name of the secret that is a database role's password."""
    return f"DATABASE_PASSWORD_{role.upper()}"


def redis_password(user: str) -> str:
    """Return the name of the secret that is a Redis user's password."""
    return f"REDIS_PASSWORD_{user.upper()}"


NAMES = (
    *(role_password(role) for role in (SUPERUSER, *LOGIN_ROLES)),
    *(redis_password(user) for user in REDIS_USERS),
    *HOLDERS,
)


class Keyring:
    """Reads the secrets of one environment. `complete` generates the missing secrets."""

    def __init__(self, path: Path) -> None:
        """Read the file at `path`, if it exists. Raises `StateDamaged`."""
        self._path = path
        self._values = read_state(path, dict[str, str], REMEDY) or {}
        self._keep_out()

    @property
    def empty(self) -> bool:
        """True before the first secret was generated."""
        return not self._values

    def complete(self) -> None:
        """Generate the missing secrets. Each is safe in URLs, shells and configuration files."""
        missing = [name for name in NAMES if name not in self._values]
        if not missing:
            return
        self._values |= {name: secrets.token_urlsafe(_BYTES) for name in missing}
        self._keep_out()
        replace_state(self._path, json.dumps(self._values, indent=2))

    def __getitem__(self, name: str) -> Secret:
        """Return one secret; `NoSecret` for a name that does not exist."""
        try:
            return Secret(self._values[name])
        except KeyError:
            raise NoSecret(
                f"No secret is named {name!r} in {self._path}; known are {', '.join(NAMES)}."
            ) from None

    def role_passwords(self) -> dict[str, str]:
        """Return the password of every role that logs in, except the superuser's."""
        return {role: self[role_password(role)].reveal() for role in LOGIN_ROLES}

    def _keep_out(self) -> None:
        """Have every secret masked in printed and journaled text."""
        for value in self._values.values():
            keep_out(value)
