"""Effects as plain data and back: what the journal keeps, so that a resumed run goes on with the very effects that were shown."""

import dataclasses
import hashlib
import json
from typing import Any, get_args

import msgspec

from rubyops.model.effect import Effect

_KINDS: dict[str, type] = {kind.__name__: kind for kind in get_args(Effect)}


def to_data(effect: Effect) -> dict[str, Any]:
    """Turn an effect into JSON-ready data with the name of its kind under `effect`."""
    return {"effect": type(effect).__name__, **json.loads(json.dumps(dataclasses.asdict(effect)))}


def from_data(data: dict[str, Any]) -> Effect:
    """Turn journal data back into the effect it was."""
    values = {key: value for key, value in data.items() if key != "effect"}
    effect: Effect = msgspec.convert(values, _KINDS[data["effect"]])
    return effect


def digest(value: object) -> str:
    """Return the sha256 of a value's canonical JSON."""
    return hashlib.sha256(
        json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()
    ).hexdigest()
