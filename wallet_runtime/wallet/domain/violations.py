"""A broken rule of a document, and its form in the details of an error."""

import msgspec


class Violation(msgspec.Struct, frozen=True):
    """One broken rule: its id, the path in the document, and a sentence."""

    rule: str
    path: str
    message: str


def broken(rule: str, path: str, message: str) -> dict[str, object]:
    """Return error details for one violation, in the same form as for many."""
    return {
        "rule": rule,
        "path": path,
        "violations": [msgspec.structs.asdict(Violation(rule, path, message))],
    }
