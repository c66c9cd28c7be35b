"""How alembic runs the revisions of either database: on the connection that it is handed.

The caller has begun a transaction and ends it, so all revisions and definitions come or none.
"""

from alembic import context

options = context.config.attributes
context.configure(connection=options["connection"], version_table_schema=options["version_schema"])
with context.begin_transaction():
    context.run_migrations()
