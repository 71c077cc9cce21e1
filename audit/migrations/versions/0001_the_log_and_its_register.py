"""The log, the register folded from it, the vault, and the working tables.

The application role may insert into and read the log and nothing else; triggers refuse UPDATE, DELETE and TRUNCATE to
everybody while they stand, on the parent and by name on each partition, because a TRUNCATE trigger is not cloned and
an ordinary trigger is skipped under `session_replication_role = replica`.
"""

from alembic import context, op

revision = "0001"
down_revision = None

LOG = """
CREATE TABLE entry (
    number bigint NOT NULL, at timestamptz NOT NULL, act uuid NOT NULL, kind text COLLATE "C" NOT NULL,
    decision text COLLATE "C", person text COLLATE "C", unit text COLLATE "C", division text COLLATE "C",
    cell text COLLATE "C", operation text COLLATE "C", grant_number bigint, household text COLLATE "C",
    data_year integer, quarter integer, subject bigint, leaf bytea NOT NULL, bytes bytea NOT NULL,
    PRIMARY KEY (number), CHECK (number >= 0), CHECK (octet_length(leaf) = 32), CHECK (octet_length(bytes) <= 65535)
) PARTITION BY RANGE (number);
CREATE INDEX entry_person ON entry (person, number);
CREATE INDEX entry_division ON entry (division, number);
CREATE INDEX entry_household ON entry (household, number) WHERE household IS NOT NULL;
CREATE INDEX entry_grant ON entry (grant_number, number) WHERE grant_number IS NOT NULL;
CREATE INDEX entry_denied ON entry (number) WHERE decision = 'deny';
CREATE INDEX entry_other ON entry (kind, number) WHERE kind <> 'EditPermitted';
CREATE INDEX entry_subject ON entry (subject, number) WHERE subject IS NOT NULL;

CREATE TABLE act (ref uuid PRIMARY KEY, first bigint NOT NULL, count integer NOT NULL);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE entry ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE entry ENABLE ALWAYS TRIGGER append_only_whole;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON act FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE act ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON act FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE act ENABLE ALWAYS TRIGGER append_only_whole;

CREATE TABLE head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one), size bigint NOT NULL, at timestamptz NOT NULL,
    edge bytea NOT NULL, room bigint NOT NULL
);
INSERT INTO head (size, at, edge, room) VALUES (0, 'epoch', '', 0);

CREATE FUNCTION make_room(ahead bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    span constant bigint := 1048576;
    room_now bigint;
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(5786957, 2);
    SELECT room INTO room_now FROM head;
    WHILE room_now < (SELECT size FROM head) + ahead LOOP
        name := 'entry_' || lpad((room_now / span)::text, 5, '0');
        EXECUTE format('CREATE TABLE %I PARTITION OF entry FOR VALUES FROM (%s) TO (%s)', name, room_now, room_now + span);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', name);
        EXECUTE format('CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only_whole', name);
        room_now := room_now + span;
        UPDATE head SET room = room_now;
    END LOOP;
    RETURN room_now;
END $$;
REVOKE ALL ON FUNCTION make_room(bigint) FROM PUBLIC;
"""

REGISTER = """
CREATE TABLE person (id text COLLATE "C", "natural" text COLLATE "C", epoch bigint, since bigint, ended bigint, PRIMARY KEY (id, since));
CREATE UNIQUE INDEX person_now ON person (id) WHERE ended IS NULL;
CREATE INDEX person_natural ON person ("natural") WHERE ended IS NULL;
CREATE TABLE unit (id text COLLATE "C", kind text COLLATE "C", division text COLLATE "C", name text, earlier_name text,
    since bigint, ended bigint, PRIMARY KEY (id, since));
CREATE UNIQUE INDEX unit_now ON unit (id) WHERE ended IS NULL;
CREATE TABLE post (number bigint, person text COLLATE "C", unit text COLLATE "C", division text COLLATE "C", role text COLLATE "C",
    title text, valid_from timestamptz, valid_until timestamptz, since bigint, ended bigint, PRIMARY KEY (number, since));
CREATE INDEX post_person ON post (person) WHERE ended IS NULL;
CREATE INDEX post_unit ON post (unit) WHERE ended IS NULL;
CREATE TABLE household (token text COLLATE "C", division text COLLATE "C", population text COLLATE "C", moving_to text COLLATE "C",
    move_asked_by text COLLATE "C", since bigint, ended bigint, PRIMARY KEY (token, since));
CREATE UNIQUE INDEX household_now ON household (token) WHERE ended IS NULL;
CREATE TABLE grants (number bigint, origin text COLLATE "C", division text COLLATE "C", cells text[], operations text[], data_year integer,
    valid_from timestamptz, valid_until timestamptz, max_records integer, households text[], holder_unit text COLLATE "C",
    holder_person text COLLATE "C", role text COLLATE "C", request bigint, line integer, "window" bigint, parent bigint, path bigint[],
    document text, document_sha256 text, edition text, division_name text, issuer_unit text COLLATE "C", issued_by text COLLATE "C",
    issued_at timestamptz, revoked_at timestamptz, suspensions jsonb, since bigint, ended bigint, PRIMARY KEY (number, since));
CREATE UNIQUE INDEX grants_now ON grants (number) WHERE ended IS NULL;
CREATE INDEX grants_holder ON grants (holder_unit, valid_until) WHERE ended IS NULL;
CREATE INDEX grants_path ON grants USING gin (path);
CREATE INDEX grants_request ON grants (request) WHERE ended IS NULL;
CREATE TABLE request (number bigint, state text COLLATE "C", division text COLLATE "C", body jsonb, since bigint, ended bigint, PRIMARY KEY (number, since));
CREATE UNIQUE INDEX request_now ON request (number) WHERE ended IS NULL;
CREATE TABLE opening (number bigint, division text COLLATE "C", body jsonb, since bigint, ended bigint, PRIMARY KEY (number, since));
CREATE UNIQUE INDEX opening_now ON opening (number) WHERE ended IS NULL;
CREATE TABLE document (number text COLLATE "C", issuer text COLLATE "C", thing bigint, since bigint, ended bigint, PRIMARY KEY (number, since));
CREATE UNIQUE INDEX document_now ON document (number) WHERE ended IS NULL;
CREATE TABLE charter (name text COLLATE "C", value text, since bigint, ended bigint, PRIMARY KEY (name, since));
CREATE UNIQUE INDEX charter_now ON charter (name) WHERE ended IS NULL;
CREATE TABLE usage ("grant" bigint, household text COLLATE "C", since bigint, PRIMARY KEY ("grant", household));
"""

STORES = """
CREATE TABLE vault (entry bigint, path text COLLATE "C", salt bytea NOT NULL, value text NOT NULL, PRIMARY KEY (entry, path),
    CHECK (octet_length(salt) = 16));
CREATE TABLE content (sha256 text COLLATE "C" PRIMARY KEY, media_type text NOT NULL, size bigint NOT NULL, name text, bytes bytea NOT NULL,
    stored_by text COLLATE "C", CHECK (size = octet_length(bytes)));
CREATE TABLE idempotency (person text COLLATE "C", route text COLLATE "C", key text COLLATE "C", request text NOT NULL,
    status integer NOT NULL, body bytea NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (person, route, key));
CREATE TABLE ceremony (name text COLLATE "C" PRIMARY KEY, digest text NOT NULL, until timestamptz NOT NULL, used_at timestamptz);
CREATE TABLE stranger (address text COLLATE "C", minute timestamptz, count bigint NOT NULL, PRIMARY KEY (address, minute));
"""

RIGHTS = """
GRANT USAGE ON SCHEMA public TO {app};
GRANT SELECT, INSERT ON entry, act TO {app};
GRANT SELECT, UPDATE ON head TO {app};
GRANT EXECUTE ON FUNCTION make_room(bigint) TO {app};
GRANT SELECT, INSERT, UPDATE ON person, unit, post, household, grants, request, opening, document, charter TO {app};
GRANT SELECT, INSERT ON usage TO {app};
GRANT SELECT, INSERT, DELETE ON vault TO {app};
GRANT SELECT, INSERT ON content TO {app};
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency, ceremony, stranger TO {app};
GRANT SELECT ON alembic_version TO {app};
"""


def upgrade() -> None:
    app = context.config.attributes.get("app_role", "mandate_app")
    for script in (LOG, REGISTER, STORES, RIGHTS.format(app='"' + app.replace('"', '""') + '"')):
        op.get_bind().exec_driver_sql(script)
    op.get_bind().exec_driver_sql("SELECT make_room(1)")


def downgrade() -> None:
    raise RuntimeError("a log is not downgraded")
