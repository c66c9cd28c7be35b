"""The schemas that publish events, and those that consume them.

The statements in `sql/queries` whose names hold `{publisher}` or `{consumer}` are loaded once for
each of these. The names are identifiers: they are written here, and come from nowhere else.
"""

from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
PUBLISHERS = ("wallet", "rolling")
# A consumer's schema, and the publisher whose events it reads.
CONSUMERS = {"rolling": "wallet"}


def fillings(name: str) -> list[dict[str, str]]:
    """Return what the placeholders of a statement of this name stand for, once per owner."""
    if "{consumer}" in name:
        return [
            {"{consumer}": consumer, "{publisher}": publisher}
            for consumer, publisher in CONSUMERS.items()
        ]
    if "{publisher}" in name:
        return [{"{publisher}": publisher} for publisher in PUBLISHERS]
    return [{}]


def fill(text: str, owners: dict[str, str]) -> str:
    """Put the owners' names where their placeholders stand."""
    for placeholder, owner in owners.items():
        text = text.replace(placeholder, owner)
    return text


def consumer_tables(consumer: str) -> str:
    """Return the statements that make a consumer's tables.

    A revision that makes a consumer keeps this text: the template changes with later revisions.
    """
    text = (TEMPLATES / "consumer.sql").read_text(encoding="utf-8")
    return fill(text, {"{consumer}": consumer, "{publisher}": CONSUMERS[consumer]})
