"""Cosignatures and what is known of each witness: working tables, outside the fold.

Nothing here is believed for itself: a cosignature proves itself by the witness's key, and the witnesses know better
than this database what they hold.
"""

from alembic import context, op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE cosignature (witness text COLLATE "C", size bigint, root bytea, key_id bytea NOT NULL, blob bytea NOT NULL,
    at timestamptz NOT NULL, PRIMARY KEY (witness, size, root), CHECK (octet_length(root) = 32 AND octet_length(key_id) = 4));
CREATE INDEX cosignature_of ON cosignature (size, root);
CREATE TABLE witness (name text COLLATE "C" PRIMARY KEY, size bigint NOT NULL, root bytea, behind timestamptz,
    lagging boolean NOT NULL, verdict text COLLATE "C");
GRANT SELECT, INSERT, UPDATE, DELETE ON cosignature, witness TO {app};
"""


def upgrade() -> None:
    app = context.config.attributes.get("app_role", "mandate_app")
    op.get_bind().exec_driver_sql(TABLES.format(app='"' + app.replace('"', '""') + '"'))


def downgrade() -> None:
    raise RuntimeError("a log is not downgraded")
