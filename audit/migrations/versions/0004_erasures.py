"""Erasures asked for and performed, folded from facts like the rest of the register."""

from alembic import context, op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE erasure (number bigint, state text COLLATE "C", division text COLLATE "C", body jsonb, since bigint, ended bigint,
    PRIMARY KEY (number, since));
CREATE UNIQUE INDEX erasure_now ON erasure (number) WHERE ended IS NULL;
GRANT SELECT, INSERT, UPDATE ON erasure TO {app};
"""


def upgrade() -> None:
    app = context.config.attributes.get("app_role", "mandate_app")
    op.get_bind().exec_driver_sql(TABLE.format(app='"' + app.replace('"', '""') + '"'))


def downgrade() -> None:
    raise RuntimeError("a log is not downgraded")
