"""The switches of rolling_worker's loops (RS-6): on unless the environment says `off`."""

from collections.abc import Mapping
from dataclasses import dataclass

from wallet_runtime.plumbing.runtime.settings import SettingsError

ENABLE_EVENT_CONSUMER = "ENABLE_EVENT_CONSUMER"
ENABLE_OUTBOX_POLLER = "ENABLE_OUTBOX_POLLER"
ENABLE_EXPIRY_SCHEDULER = "ENABLE_EXPIRY_SCHEDULER"
ENABLE_COMPLETION_RETRY = "ENABLE_COMPLETION_RETRY"
_ALLOWED = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Switches:
    """Which loops this copy runs."""

    event_consumer: bool
    outbox_poller: bool
    expiry_scheduler: bool
    completion_retry: bool


def read_switches(environ: Mapping[str, str]) -> Switches:
    """Read the four switches. Raises SettingsError, which lists every invalid value."""
    names = (
        ENABLE_EVENT_CONSUMER,
        ENABLE_OUTBOX_POLLER,
        ENABLE_EXPIRY_SCHEDULER,
        ENABLE_COMPLETION_RETRY,
    )
    values = {name: environ.get(name, "on").lower() for name in names}
    faults = [
        f"{name} must be one of {', '.join(_ALLOWED)}; found {value[:40]!r}"
        for name, value in values.items()
        if value not in _ALLOWED
    ]
    if faults:
        raise SettingsError(faults)
    return Switches(*(_ALLOWED[value] for value in values.values()))
