"""Run `statements/0004_player.up.sql` and its inverse."""

from sql.migrations.apply import run_statements

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply the change."""
    run_statements(__file__, "up")


def downgrade() -> None:
    """Take the change back."""
    run_statements(__file__, "down")
