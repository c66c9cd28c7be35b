"""Run `statements/0009_rolling_outbox.up.sql` and its inverse."""

from sql.migrations.apply import run_statements

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Apply the change."""
    run_statements(__file__, "up")


def downgrade() -> None:
    """Take the change back."""
    run_statements(__file__, "down")
