"""Run `statements/0002_anchors.up.sql` and its inverse."""

from sql.migrations.apply import run_statements

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply the change."""
    run_statements(__file__, "up")


def downgrade() -> None:
    """Take the change back."""
    run_statements(__file__, "down")
