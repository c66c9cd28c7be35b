"""Effects as plain data and back: a resumed run goes on with the very effects that were shown."""

import dataclasses
import hashlib
import json
from functools import cache
from importlib import import_module
from typing import Any

import msgspec

from rubyops.effects.base import AnyEffect, Effect
from rubyops.model.json_object import JsonObject
from rubyops.registry import EFFECTS


@cache
def kinds() -> dict[str, type[AnyEffect]]:
    """Import every kind of effect, by name."""
    return {
        kind: getattr(import_module(family.place), kind)
        for family in EFFECTS.values()
        for kind in family.kinds
    }


def to_data(effect: AnyEffect) -> JsonObject:
    """Turn an effect into JSON-ready data with the name of its kind under `effect`."""
    return {"effect": type(effect).__name__, **json.loads(json.dumps(dataclasses.asdict(effect)))}


def from_data(data: JsonObject) -> AnyEffect:
    """Turn journal data back into the effect it was. Raises `KeyError` and `ValidationError`."""
    values = {key: value for key, value in data.items() if key != "effect"}
    effect: Effect[Any] = msgspec.convert(values, kinds()[str(data["effect"])])
    return effect


def starts_platform(data: JsonObject) -> bool:
    """Whether journal data is of an effect that starts the platform; False for an unknown kind."""
    kind = kinds().get(str(data.get("effect")))
    return kind is not None and kind.traits.starts_platform


def digest(value: object) -> str:
    """Return the sha256 of a value's canonical JSON."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
