"""Tables of the law on record, of people who come and go, and of divisions that change."""

from alembic import context, op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LEAVES = """
CREATE TABLE leaves (begin bigint PRIMARY KEY, hashes bytea NOT NULL, CHECK (begin >= 0),
    CHECK (octet_length(hashes) > 0 AND octet_length(hashes) % 32 = 0));
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON leaves FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE leaves ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON leaves FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE leaves ENABLE ALWAYS TRIGGER append_only_whole;
INSERT INTO leaves SELECT min(number), string_agg(leaf, NULL ORDER BY number) FROM entry GROUP BY number / 256;
GRANT SELECT, INSERT ON leaves TO {app};
"""
"""The leaf hashes a second time, one row per transaction; a log that exists already gets one per 256 entries."""

SCRIPTS: tuple[str, ...] = (LEAVES,)


def upgrade() -> None:
    app = '"' + context.config.attributes.get("app_role", "mandate_app").replace('"', '""') + '"'
    for script in SCRIPTS:
        op.get_bind().exec_driver_sql(script.format(app=app))


def downgrade() -> None:
    raise RuntimeError("a log is not downgraded")
