"""How a revision file runs the SQL texts beside it.

The statements go to the driver whole and without parameters: a file may hold many statements, and
percent signs that nothing must interpret.
"""

from pathlib import Path
from typing import Any

from alembic import op

from sql.owners import fill, names_of
from wallet_runtime.contract.events import Consumer

TEMPLATES = Path(__file__).parent / "templates"


def run_statements(revision_file: str, direction: str) -> None:
    """Execute every `statements/<revision>*.<direction>.sql` in the order of their names."""
    revision = Path(revision_file)
    driver = _driver()
    for path in sorted((revision.parent / "statements").glob(f"{revision.stem}*.{direction}.sql")):
        driver.execute(path.read_text(encoding="utf-8"))


def make_consumer(template: str, consumer: Consumer) -> None:
    """Make the schema, roles and tables of a consumer from a file of `templates`.

    A revision names the file and the consumer literally, so it makes the same tables for good.
    """
    _driver().execute(consumer_text(template, consumer))


def consumer_text(template: str, consumer: Consumer) -> str:
    """Return the statements of a template with the names of this consumer."""
    text = (TEMPLATES / f"{template}.sql").read_text(encoding="utf-8")
    return fill(text, names_of(consumer))


def _driver() -> Any:
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise RuntimeError("the migration has no driver connection")
    return driver
