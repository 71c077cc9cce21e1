"""How a migration runs: inside the one transaction `api/database.py` opened as the owner, so all steps stand or none.

`context.config.attributes` carries `connection`, `owner_role` and `app_role`; a step grants to `app_role` by itself.
"""

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.sql import quoted_name

MIGRATION_LOCK = 0x6D616E64

connection: Connection = context.config.attributes["connection"]
# Two servers may start at the same moment: the second waits here and finds nothing left to do.
connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
role = connection.dialect.identifier_preparer.quote(quoted_name(context.config.attributes["app_role"], quote=True))
connection.exec_driver_sql(f"GRANT SELECT ON alembic_version TO {role}")
