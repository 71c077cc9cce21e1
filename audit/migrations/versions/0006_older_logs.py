"""What a log of an earlier version lacks, and a right that nothing needs.

A window names the entry under which its words lie since it can be opened for several quarters at once; one of before
lies under its own. A node of the second tree is written once.
"""

from alembic import context, op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCRIPT = """
UPDATE opening SET body = body || jsonb_build_object('text', number) WHERE NOT body ? 'text';
REVOKE UPDATE ON node_sm3 FROM {app};
"""


def upgrade() -> None:
    app = '"' + context.config.attributes.get("app_role", "mandate_app").replace('"', '""') + '"'
    op.get_bind().exec_driver_sql(SCRIPT.format(app=app))


def downgrade() -> None:
    raise RuntimeError("a log is not downgraded")
