"""How a revision file runs the SQL texts beside it.

The statements go to the driver whole and without parameters: a file may hold many statements, and
percent signs that nothing must interpret.
"""

from pathlib import Path
from typing import Any

from alembic import op

from sql.owners import fill

TEMPLATES = Path(__file__).parent / "templates"


def run_statements(revision_file: str, direction: str) -> None:
    """Execute every `statements/<revision>*.<direction>.sql` in the order of their names."""
    revision = Path(revision_file)
    driver = _driver()
    for path in sorted((revision.parent / "statements").glob(f"{revision.stem}*.{direction}.sql")):
        driver.execute(path.read_text(encoding="utf-8"))


def run_template(template: str, **names: str) -> None:
    """Execute a file of `templates` with these names in place of its placeholders.

    A template never changes, and a revision gives the names literally: so the revision makes the
    same tables for good.
    """
    _driver().execute(template_text(template, **names))


def template_text(template: str, **names: str) -> str:
    """Return the statements of a template with these names."""
    text = (TEMPLATES / f"{template}.sql").read_text(encoding="utf-8")
    return fill(text, {f"{{{placeholder}}}": name for placeholder, name in names.items()})


def _driver() -> Any:
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise RuntimeError("the migration has no driver connection")
    return driver
