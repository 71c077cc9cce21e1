"""What is looked for among all households and all grants, found without reading them: moves that wait, and lists of a
helper's households."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SCRIPT = """
CREATE INDEX household_moving ON household (moving_to) WHERE ended IS NULL AND moving_to IS NOT NULL;
CREATE INDEX grants_listed ON grants USING gin (households) WHERE ended IS NULL AND role = 'assistance_person';
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SCRIPT)


def downgrade() -> None:
    raise RuntimeError("a log is not downgraded")
