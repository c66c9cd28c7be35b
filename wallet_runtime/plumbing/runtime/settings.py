"""A process's settings, read once from environment variables; all faults are reported together."""

import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata

from wallet_runtime.contract import persons, secrets
from wallet_runtime.contract.persons import Person
from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    GATEWAY,
    OBSERVER,
    PLAYER_SERVICE,
    PROCESSES,
    ROLLING_SERVICE,
    WORKER_PROCESSES,
)
from wallet_runtime.contract.providers import PROVIDERS
from wallet_runtime.contract.routes import ROUTE_CALLERS
from wallet_runtime.contract.secrets import ADMIN_TOKEN_PREFIX, LEGACY_TOKEN_VARIABLE
from wallet_runtime.contract.variables import (
    ANCHOR_FILE_VARIABLE,
    BRAND_ENFORCEMENT_VALUES,
    BRAND_ENFORCEMENT_VARIABLE,
    FAILPOINT_VARIABLE,
)

REDIS_PROCESSES = (*WORKER_PROCESSES, ROLLING_SERVICE)
PROVIDER_PROCESSES = (GATEWAY,)
SESSION_PROCESSES = (GATEWAY, PLAYER_SERVICE)
ADMIN_PROCESSES = (GATEWAY, ADMIN_SERVICE)
PRODUCTION = "production"
NUMBER_DIGITS_MAX = 10
_PERSON = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class SettingsError(Exception):
    """The process cannot start with these settings."""

    def __init__(self, faults: Iterable[str]) -> None:
        """Take the text of every fault, so that an operator sees all of them at once."""
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class SecretBytes:
    """A secret whose `repr` is masked and whose comparison takes constant time."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Store the value as bytes, and mask it in every log line from now on."""
        secrets.keep_out(value)
        self._value = value.encode()

    def reveal(self) -> bytes:
        """Return the secret value."""
        return self._value

    def matches(self, given: bytes) -> bool:
        """Compare bytes in constant time."""
        return hmac.compare_digest(self._value, given)

    def __repr__(self) -> str:
        """Show a mask of fixed width."""
        return "SecretBytes(****)"


@dataclass(frozen=True)
class Settings:
    """The settings of one process. Secrets, and URLs with passwords, are `SecretBytes`.

    admin_service signs the name of the person behind a request. `person_keys` are the signing keys
    by the process that verifies the signature. `code` is the digest of the source files that the
    process loaded (`sql.code`).
    """

    process: str
    environment: str
    host: str
    port: int
    copy: int
    advertised_url: str
    version: str
    database_url: SecretBytes
    control_database_url: SecretBytes
    redis_url: SecretBytes | None
    prepare_threshold: int | None
    brand_enforcement: str
    service_urls: Mapping[str, str]
    own_token: SecretBytes | None
    caller_tokens: Mapping[str, SecretBytes]
    provider_secrets: Mapping[str, SecretBytes]
    player_session_key: SecretBytes | None
    admin_tokens: Mapping[str, SecretBytes]
    person_keys: Mapping[str, SecretBytes]
    legacy_token_present: bool
    anchor_file: str | None = None
    code: str = ""

    def person(self, name: str) -> Person:
        """Return the name and key id of a back-office person; `name` is a key of `admin_tokens`."""
        return Person(
            persons.normal_name(name), persons.key_id_of(self.admin_tokens[name].reveal())
        )

    @property
    def is_worker(self) -> bool:
        """True for a process without routes other than health and metrics."""
        return self.process in WORKER_PROCESSES


def called_by(process: str) -> tuple[str, ...]:
    """List the processes that `process` may call, in the order of `PROCESSES`."""
    targets = {target for (target, _, _), callers in ROUTE_CALLERS.items() if process in callers}
    return tuple(name for name in PROCESSES if name in targets)


def admitted_by(process: str) -> tuple[str, ...]:
    """List the callers that may call a route of `process`, and the observer, sorted by name."""
    callers = {
        caller
        for (target, _, _), admitted in ROUTE_CALLERS.items()
        if target == process
        for caller in admitted
    }
    return tuple(sorted({OBSERVER, *callers}))


class _Reader:
    """Reads environment variables; collects all faults in `faults` instead of raising the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.faults: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        value = self.environ.get(name, default)
        if not value:
            self.faults.append(f"{name} is required and is not set")
            return ""
        self._check_stripped(name, value)
        return value

    def number(self, name: str, default: str | None = None, *, lowest: int, highest: int) -> int:
        value = self.text(name, default)
        if _is_number(value) and lowest <= int(value) <= highest:
            return int(value)
        if value:
            self.faults.append(
                f"{name} must be a whole number from {lowest} to {highest}, found {value[:20]!r}"
            )
        return lowest

    def secret(self, name: str, *, required: bool = True) -> SecretBytes | None:
        value = self.environ.get(name)
        if value is None:
            if required:
                self.faults.append(f"{name} is required and is not set")
            return None
        if value.strip():
            self._check_stripped(name, value)
        else:
            self.faults.append(f"{name} is set but empty; give it a value or remove it")
        return SecretBytes(value)

    def url(self, name: str) -> SecretBytes:
        return SecretBytes(self.text(name))

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.environ.get(name)
        if value not in allowed:
            found = "it is not set" if value is None else f"found {value[:40]!r}"
            self.faults.append(f"{name} must be one of {', '.join(allowed)}; {found}")
            return allowed[0]
        return value

    def checked(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(fault)

    def _check_stripped(self, name: str, value: str) -> None:
        self.checked(
            value == value.strip(),
            f"{name} begins or ends with white space or a newline; remove it",
        )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX


def read_settings(process: str, environ: Mapping[str, str]) -> Settings:
    """Read and check all settings of `process`.

    Raises `SettingsError` with every faulty variable.
    """
    if process not in PROCESSES:
        raise SettingsError([f"no process is named {process!r}; known are {', '.join(PROCESSES)}"])
    read = _Reader(environ)
    settings = _settings(read, process)
    _check_failpoint(read, settings)
    if read.faults:
        raise SettingsError(read.faults)
    return settings


def _settings(read: _Reader, process: str) -> Settings:
    environ, tokens = read.environ, _tokens(read, process)
    host, port = read.text("HOST", "127.0.0.1"), read.number("PORT", lowest=1, highest=65535)
    return Settings(
        process=process,
        environment=read.text("ENVIRONMENT"),
        host=host,
        port=port,
        copy=read.number("COPY", "1", lowest=1, highest=10_000),
        advertised_url=read.text("ADVERTISED_URL", f"http://{host}:{port}"),
        version=environ.get("VERSION") or _installed_version(),
        database_url=read.url("DATABASE_URL"),
        control_database_url=read.url("CONTROL_DATABASE_URL"),
        redis_url=read.url("REDIS_URL") if process in REDIS_PROCESSES else None,
        prepare_threshold=_prepare_threshold(read),
        brand_enforcement=read.one_of(BRAND_ENFORCEMENT_VARIABLE, BRAND_ENFORCEMENT_VALUES),
        service_urls={target: read.text(f"{target.upper()}_URL") for target in called_by(process)},
        own_token=tokens.get(process),
        caller_tokens=_only(tokens, admitted_by(process)),
        provider_secrets=_provider_secrets(read) if process in PROVIDER_PROCESSES else {},
        player_session_key=_session_key(read) if process in SESSION_PROCESSES else None,
        admin_tokens=_admin_tokens(read) if process in ADMIN_PROCESSES else {},
        person_keys=_person_keys(read, process),
        legacy_token_present=LEGACY_TOKEN_VARIABLE in environ,
        anchor_file=environ.get(ANCHOR_FILE_VARIABLE) or None,
    )


def _check_failpoint(read: _Reader, settings: Settings) -> None:
    read.checked(
        settings.environment != PRODUCTION or not read.environ.get(FAILPOINT_VARIABLE),
        f"{FAILPOINT_VARIABLE} is set; it is for tests and never for production",
    )


def _only(tokens: Mapping[str, SecretBytes], callers: Iterable[str]) -> dict[str, SecretBytes]:
    return {caller: tokens[caller] for caller in callers if caller in tokens}


def _session_key(read: _Reader) -> SecretBytes | None:
    return read.secret(secrets.SESSION_KEY)


def _tokens(read: _Reader, process: str) -> dict[str, SecretBytes]:
    """Read the process's own token and its callers' tokens; a caller without a token is refused."""
    found: dict[str, SecretBytes] = {}
    if called_by(process):
        _keep(found, process, read.secret(secrets.token(process)))
    for caller in admitted_by(process):
        if caller != process:
            _keep(found, caller, read.secret(secrets.token(caller), required=False))
    _check_distinct(
        read, {secrets.token(caller): token for caller, token in found.items()}, "caller"
    )
    return found


def _admin_tokens(read: _Reader) -> dict[str, SecretBytes]:
    """Read the tokens of back-office persons; `ADMIN_TOKEN_ANN` is the token of "ann".

    At least one token must be set, and no two may be equal.
    """
    names = sorted(name for name in read.environ if name.startswith(ADMIN_TOKEN_PREFIX))
    read.checked(
        bool(names),
        f"{ADMIN_TOKEN_PREFIX}<PERSON> is required for one person at least and is not set",
    )
    found: dict[str, SecretBytes] = {}
    for name in names:
        _keep(found, _person_of(read, name).lower(), read.secret(name))
    _check_distinct(
        read, {secrets.admin_token(person): token for person, token in found.items()}, "person"
    )
    return found


def _person_of(read: _Reader, name: str) -> str:
    person = name.removeprefix(ADMIN_TOKEN_PREFIX)
    read.checked(
        _PERSON.fullmatch(person) is not None,
        f"{name[:80]} names no person; allowed are A-Z, 0-9 and _ after a letter",
    )
    return person


def _person_keys(read: _Reader, process: str) -> dict[str, SecretBytes]:
    """Read the keys for signed persons: admin_service has all, a verifying process its own."""
    found: dict[str, SecretBytes] = {}
    for counting in persons.COUNTING_PROCESSES:
        if process in (ADMIN_SERVICE, counting):
            _keep(found, counting, read.secret(secrets.person_key(counting)))
    _check_distinct(
        read, {secrets.person_key(counting): key for counting, key in found.items()}, "process"
    )
    return found


def _check_distinct(read: _Reader, tokens: Mapping[str, SecretBytes], whose: str) -> None:
    owners: dict[bytes, str] = {}
    for name, token in tokens.items():
        first = owners.setdefault(token.reveal(), name)
        read.checked(
            first == name, f"{name} and {first} hold one token; every {whose} needs its own"
        )


def _keep(found: dict[str, SecretBytes], name: str, secret: SecretBytes | None) -> None:
    if secret is not None:
        found[name] = secret


def _provider_secrets(read: _Reader) -> dict[str, SecretBytes]:
    found: dict[str, SecretBytes] = {}
    for provider in PROVIDERS:
        _keep(found, provider, read.secret(secrets.provider_secret(provider)))
    return found


def _prepare_threshold(read: _Reader) -> int | None:
    """Return after how many runs a statement is prepared; 0 prepares it at its first run.

    "off" never prepares (None). It is for a connection pooler that shares sessions between clients.
    """
    if read.environ.get("PREPARE_THRESHOLD") == "off":
        return None
    return read.number("PREPARE_THRESHOLD", "0", lowest=0, highest=1000)


def _installed_version() -> str:
    try:
        return metadata.version("rubyops")
    except metadata.PackageNotFoundError:
        return "0"
