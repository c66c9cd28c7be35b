"""How a revision file runs the SQL texts beside it.

The statements go to the driver whole and without parameters: a file may hold many statements, and
percent signs that nothing must interpret.
"""

from pathlib import Path

from alembic import op


def run_statements(revision_file: str, direction: str) -> None:
    """Execute every `statements/<revision>*.<direction>.sql` in the order of their names."""
    revision = Path(revision_file)
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise RuntimeError("the migration has no driver connection")
    for path in sorted((revision.parent / "statements").glob(f"{revision.stem}*.{direction}.sql")):
        driver.execute(path.read_text(encoding="utf-8"))
