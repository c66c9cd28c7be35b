"""Run `statements/0008_topology_move*.up.sql` and their inverse."""

from sql.migrations.apply import run_statements

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply the change."""
    run_statements(__file__, "up")


def downgrade() -> None:
    """Take the change back."""
    run_statements(__file__, "down")
