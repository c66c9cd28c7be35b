"""Compares two states of the platform, such as the state at a verification and the present one."""

from collections.abc import Mapping
from typing import Any


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return each difference as text, such as `gateway copy 1: process 12 -> process 40`."""
    flat_before, flat_now = dict(_flat(before)), dict(_flat(now))
    names = sorted({*flat_before, *flat_now})
    return [
        f"{name}: {flat_before.get(name, 'none')} -> {flat_now.get(name, 'none')}"
        for name in names
        if flat_before.get(name) != flat_now.get(name)
    ]


def _flat(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, part in value.items():
        label = f"{prefix} {name}".strip()
        found += _flat(part, label) if isinstance(part, Mapping) else [(label, part)]
    return found
