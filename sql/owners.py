"""The schemas that publish events, and the schemas that consume them.

A statement in `sql/queries` whose name holds `{publisher}` or `{consumer}` is loaded once for each
publisher or consumer. The names become SQL identifiers, so they come only from `PUBLISHERS` and
from the literal list `contract.consumers.WALLET_CONSUMERS`.
"""

import re

from wallet_runtime.contract.consumers import WALLET_CONSUMERS, Consumer

PUBLISHERS = ("wallet", "rolling")
_EACH = re.compile(r"^ *-- each consumer\n(.*?)^ *-- union all\n", re.DOTALL | re.MULTILINE)


def names_of(consumer: Consumer) -> dict[str, str]:
    """Return the value of each placeholder for one consumer."""
    return {
        "{consumer}": consumer.schema,
        "{publisher}": "wallet",
        "{worker}": consumer.worker,
        "{service}": consumer.service,
    }


def fillings(name: str) -> list[dict[str, str]]:
    """Return the placeholder values for a statement of this name, one dict per schema."""
    if "{consumer}" in name:
        return [names_of(consumer) for consumer in WALLET_CONSUMERS.values()]
    if "{publisher}" in name:
        return [{"{publisher}": publisher} for publisher in PUBLISHERS]
    return [{}]


def fill(text: str, owners: dict[str, str]) -> str:
    """Replace each placeholder by its value."""
    for placeholder, owner in owners.items():
        text = text.replace(placeholder, owner)
    return text


def repeat(text: str) -> str:
    """Repeat the part between `-- each consumer` and `-- union all` for each consumer."""
    return _EACH.sub(lambda part: _union(part[1]), text)


def _union(part: str) -> str:
    return "UNION ALL\n".join(fill(part, names_of(each)) for each in WALLET_CONSUMERS.values())
