"""Run `statements/0006_gateway_admin.up.sql` and its inverse."""

from sql.migrations.apply import run_statements

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply the change."""
    run_statements(__file__, "up")


def downgrade() -> None:
    """Take the change back."""
    run_statements(__file__, "down")
