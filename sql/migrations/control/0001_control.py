"""Run `statements/0001_control.up.sql` and its inverse."""

from sql.migrations.apply import run_statements

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply the change."""
    run_statements(__file__, "up")


def downgrade() -> None:
    """Take the change back."""
    run_statements(__file__, "down")
