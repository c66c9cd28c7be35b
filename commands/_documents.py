"""Turns a topology or policy file into the call to wallet_service that saves it as a draft."""

import json
from pathlib import Path
from typing import Any

from rubyops.effects.service_call import CallService
from rubyops.errors import Refused, UsageError
from rubyops.model.step import Planned
from rubyops.ports import Read
from wallet_runtime.contract.processes import WALLET_SERVICE

DOCUMENT_BYTES_MAX = 64 * 1024
DRAFT = "DRAFT"


def plan_save(kind: str, key: str, file: str, read: Read) -> Planned:
    """Plan to save the file's document as a draft. Refuses a version that was ever active (A7-9).

    `kind` is "topology" or "policy". `key` is the field that holds the document's name: "code" for
    a topology, "policy_key" for a policy.
    """
    document = read_document(file)
    name, version = document.get(key), document.get("version")
    if not isinstance(name, str) or not isinstance(version, int):
        raise UsageError(
            f"{file} is no {kind} document: it needs {key} (text) and version (whole number)",
            next_command=f"rubyops {kind} schema",
        )
    saved, named = _saved(kind, key, name, read), f"{name} v{version}"
    if saved.get(version, DRAFT) != DRAFT:
        raise _not_a_draft(kind, f"{named} is {saved[version]}", max(saved) + 1)
    effect = CallService(WALLET_SERVICE, "PUT", f"/internal/wallet/{kind}/{name}", document)
    replaced = "a draft" if version in saved else "nothing"
    return Planned((effect,), {kind: named, "replaces": replaced})


def _not_a_draft(kind: str, state: str, next_version: int) -> Refused:
    return Refused(
        f"{kind.capitalize()} {state}, and only a draft may "
        f"change: save it as v{next_version} (A7-9).",
        next_command=f"rubyops {kind} show",
    )


def _saved(kind: str, key: str, name: str, read: Read) -> dict[int, str]:
    """Return the state of each saved version of this document."""
    rows = read.rows("facts_topologies" if kind == "topology" else "facts_policies")
    return {row["version"]: row["state"] for row in rows if row[key] == name}


def read_document(file: str) -> dict[str, Any]:
    """Read a JSON object of at most 64 KiB from a file. Raises `UsageError` for anything else."""
    path = Path(file)
    try:
        document = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise UsageError(f"{path} is not a JSON object")
    return document


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > DOCUMENT_BYTES_MAX:
            raise UsageError(f"{path} is larger than {DOCUMENT_BYTES_MAX:,} bytes; no document is")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
