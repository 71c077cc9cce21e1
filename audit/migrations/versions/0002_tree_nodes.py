"""The nodes of the tree where a tile ends, the signed checkpoints, and the edge of a second tree.

A log that exists already gets its nodes from the leaves beside its entries. Nodes are append-only like the entries;
checkpoints are kept for ever and only gain cosignatures.
"""

from alembic import context, op
from sqlalchemy import Connection

from audit import nodes
from audit.tree import Edge

revision = "0002"
down_revision = "0001"
CHUNK = 65_536

SCRIPT = """
CREATE TABLE node (level smallint NOT NULL, number bigint NOT NULL, hash bytea NOT NULL, PRIMARY KEY (level, number),
    CHECK (level > 0 AND level % 8 = 0), CHECK (number >= 0), CHECK (octet_length(hash) = 32));
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON node FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE node ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON node FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE node ENABLE ALWAYS TRIGGER append_only_whole;
CREATE TABLE checkpoint (origin text COLLATE "C" NOT NULL, size bigint NOT NULL, root bytea NOT NULL, note text NOT NULL,
    at timestamptz NOT NULL, PRIMARY KEY (origin, size), CHECK (octet_length(root) = 32));
CREATE TABLE edge (origin text COLLATE "C" PRIMARY KEY, size bigint NOT NULL, hashes bytea NOT NULL);
GRANT SELECT, INSERT ON node TO {app};
GRANT SELECT, INSERT, UPDATE ON checkpoint, edge TO {app};
"""


def upgrade() -> None:
    app = context.config.attributes.get("app_role", "mandate_app")
    connection = op.get_bind()
    connection.exec_driver_sql(SCRIPT.format(app='"' + app.replace('"', '""') + '"'))
    fill(connection)


def fill(connection: Connection) -> None:
    """The nodes of the entries written so far."""
    edge = Edge()
    while leaves := _leaves(connection, edge.size):
        edge, whole = edge.grow(leaves)
        if whole:
            cursor = connection.connection.driver_connection.cursor()  # type: ignore[union-attr]
            with cursor.copy("COPY node (level, number, hash) FROM STDIN") as copy:
                copy.write("".join(map(nodes.line, whole)).encode())


def _leaves(connection: Connection, begin: int) -> list[bytes]:
    found = connection.exec_driver_sql(
        f"SELECT leaf FROM entry WHERE number >= {begin} AND number < {begin + CHUNK} ORDER BY number"  # noqa: S608 integers
    )
    return [bytes(row.leaf) for row in found]


def downgrade() -> None:
    raise RuntimeError("a log is not downgraded")
