"""A broken rule of a document, and the details of a refusal that tells of one."""

import msgspec


class Violation(msgspec.Struct, frozen=True):
    """One broken rule: its id, the path in the document, and a sentence."""

    rule: str
    path: str
    message: str


def broken(rule: str, path: str, message: str) -> dict[str, object]:
    """Return the details of a refusal for one rule, in the shape of one for many."""
    return {
        "rule": rule,
        "path": path,
        "violations": [msgspec.structs.asdict(Violation(rule, path, message))],
    }
