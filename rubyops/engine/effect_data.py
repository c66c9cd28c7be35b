"""Converts effects to JSON data and back, so that a resumed run carries out the planned effects."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any

import msgspec

from rubyops.effects.base import AnyEffect, Effect
from rubyops.model.json_object import JsonObject
from rubyops.registry import EFFECTS


@cache
def kinds() -> dict[str, type[AnyEffect]]:
    """Import every class of effect; return the classes by name."""
    return {
        kind: getattr(import_module(family.place), kind)
        for family in EFFECTS.values()
        for kind in family.kinds
    }


def to_data(effect: AnyEffect) -> JsonObject:
    """Convert an effect to JSON data; the key `effect` holds the name of its class."""
    return {"effect": type(effect).__name__, **json.loads(json.dumps(dataclasses.asdict(effect)))}


def all_to_data(effects: Iterable[AnyEffect]) -> list[JsonObject]:
    """Convert each effect to JSON data."""
    return [to_data(effect) for effect in effects]


def from_data(data: JsonObject) -> AnyEffect:
    """Convert JSON data back to an effect. Raises `KeyError` and `msgspec.ValidationError`."""
    values = {key: value for key, value in data.items() if key != "effect"}
    effect: Effect[Any] = msgspec.convert(values, kinds()[str(data["effect"])])
    return effect


def starts_platform(data: JsonObject) -> bool:
    """Whether the data describes an effect that starts the platform; False for unknown effects."""
    kind = kinds().get(str(data.get("effect")))
    return kind is not None and kind.traits.starts_platform


def digest(value: object) -> str:
    """Return the sha256 of a value's JSON with sorted keys, as hexadecimal text."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
