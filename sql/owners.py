"""The schemas that publish events, and those that consume them.

The statements in `sql/queries` whose names hold `{publisher}` or `{consumer}` are loaded once for
each of these. The names are identifiers: they come from `PUBLISHERS` and from the literal list
`contract.consumers.WALLET_CONSUMERS`, and from nowhere else.
"""

import re

from wallet_runtime.contract.consumers import WALLET_CONSUMERS, Consumer

PUBLISHERS = ("wallet", "rolling")
_EACH = re.compile(r"^ *-- each consumer\n(.*?)^ *-- union all\n", re.DOTALL | re.MULTILINE)


def names_of(consumer: Consumer) -> dict[str, str]:
    """Return what each placeholder stands for in the text of one consumer."""
    return {
        "{consumer}": consumer.schema,
        "{publisher}": "wallet",
        "{worker}": consumer.worker,
        "{service}": consumer.service,
    }


def fillings(name: str) -> list[dict[str, str]]:
    """Return what the placeholders of a statement of this name stand for, once per owner."""
    if "{consumer}" in name:
        return [names_of(consumer) for consumer in WALLET_CONSUMERS.values()]
    if "{publisher}" in name:
        return [{"{publisher}": publisher} for publisher in PUBLISHERS]
    return [{}]


def fill(text: str, owners: dict[str, str]) -> str:
    """Put the owners' names where their placeholders stand."""
    for placeholder, owner in owners.items():
        text = text.replace(placeholder, owner)
    return text


def repeat(text: str) -> str:
    """Write the part between `-- each consumer` and `-- union all` once for each consumer."""
    return _EACH.sub(lambda part: _union(part[1]), text)


def _union(part: str) -> str:
    return "UNION ALL\n".join(fill(part, names_of(each)) for each in WALLET_CONSUMERS.values())
