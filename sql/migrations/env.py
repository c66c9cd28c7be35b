"""How alembic runs the revisions of either database: on the connection that it is handed, one transaction per revision."""

from alembic import context

options = context.config.attributes
context.configure(
    connection=options["connection"],
    version_table_schema=options["version_schema"],
    transaction_per_migration=True,
    on_version_apply=options.get("on_version_apply", ()),
)
with context.begin_transaction():
    context.run_migrations()
