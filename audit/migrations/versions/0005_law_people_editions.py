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

HANDS = """
CREATE TABLE tie (number bigint, person text COLLATE "C", household text COLLATE "C", tie text COLLATE "C",
    declared_by text COLLATE "C", withdrawn_by text COLLATE "C", since bigint, ended bigint, PRIMARY KEY (number, since));
CREATE UNIQUE INDEX tie_now ON tie (number) WHERE ended IS NULL;
CREATE INDEX tie_household ON tie (household);
CREATE INDEX tie_person ON tie (person) WHERE ended IS NULL;
CREATE TABLE approval (number bigint, person text COLLATE "C", household text COLLATE "C", cell text COLLATE "C",
    operation text COLLATE "C", data_year integer, quarter integer, until timestamptz, approved_by text COLLATE "C",
    used bigint, since bigint, ended bigint, PRIMARY KEY (number, since));
CREATE UNIQUE INDEX approval_now ON approval (number) WHERE ended IS NULL;
CREATE INDEX approval_household ON approval (household);
CREATE INDEX entry_checked ON entry (household, number) WHERE kind = 'EditPermitted'
    AND operation IN ('verify', 'review', 'mark_eliminated', 'remark_risk', 'rollback_elimination', 'delete');
GRANT SELECT, INSERT, UPDATE ON tie, approval TO {app};
"""
"""Who belongs to which household, what a second person agreed to, and whose hands other than the collector's were on one."""

PEOPLE = """
ALTER TABLE post ADD COLUMN deputy_for bigint, ADD COLUMN rests_on bigint, ADD COLUMN acts text[], ADD COLUMN operations text[];
CREATE INDEX post_number ON post (number) WHERE ended IS NULL;
CREATE INDEX post_division ON post (division) WHERE ended IS NULL;
CREATE INDEX post_deputy ON post (deputy_for) WHERE ended IS NULL AND deputy_for IS NOT NULL;
CREATE TABLE pair (unit text COLLATE "C", division text COLLATE "C", primary_post bigint, deputy_post bigint, since bigint,
    ended bigint, PRIMARY KEY (unit, since));
CREATE UNIQUE INDEX pair_now ON pair (unit) WHERE ended IS NULL;
CREATE TABLE officer (number bigint, state text COLLATE "C", division text COLLATE "C", body jsonb, since bigint, ended bigint,
    PRIMARY KEY (number, since));
CREATE UNIQUE INDEX officer_now ON officer (number) WHERE ended IS NULL;
GRANT SELECT, INSERT, UPDATE ON pair, officer TO {app};
"""
"""Deputyships (posts that rest on two others), the A and B of a unit, and appointments of officers."""

LAW = """
CREATE TABLE amendment (number bigint, state text COLLATE "C", division text COLLATE "C", body jsonb, since bigint, ended bigint,
    PRIMARY KEY (number, since));
CREATE UNIQUE INDEX amendment_now ON amendment (number) WHERE ended IS NULL;
CREATE INDEX amendment_policy ON amendment ((body->>'policy')) WHERE ended IS NULL;
GRANT SELECT, INSERT, UPDATE ON amendment TO {app};
"""
"""Rules that were proposed, and what became of them."""

KEEPING = """
CREATE TABLE halt (source text COLLATE "C" PRIMARY KEY, told text NOT NULL, at timestamptz NOT NULL);
CREATE TABLE node_sm3 (level smallint NOT NULL, number bigint NOT NULL, hash bytea NOT NULL, PRIMARY KEY (level, number),
    CHECK (level > 0 AND level % 8 = 0), CHECK (number >= 0), CHECK (octet_length(hash) = 32));
DELETE FROM edge WHERE origin LIKE '%/sm3';
CREATE INDEX idempotency_at ON idempotency (at);
CREATE FUNCTION refuse_law_lost() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the law of this log is kept for ever' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER lasting BEFORE DELETE ON content FOR EACH ROW WHEN (OLD.media_type = 'application/vnd.mandate.bundle')
    EXECUTE FUNCTION refuse_law_lost();
GRANT SELECT, INSERT, UPDATE, DELETE ON halt TO {app};
GRANT SELECT, INSERT, UPDATE ON node_sm3 TO {app};
GRANT DELETE ON edge TO {app};
GRANT DELETE ON content TO {app};
"""
"""Why nothing is recorded, for every process to see; nodes of the second tree, which a log that has one grows anew; and
what the retention of content needs: it may be dropped, the bundles of the law never."""

ASKED = """
CREATE TABLE proposal (number bigint, state text COLLATE "C", division text COLLATE "C", body jsonb, since bigint, ended bigint,
    PRIMARY KEY (number, since));
CREATE UNIQUE INDEX proposal_now ON proposal (number) WHERE ended IS NULL;
CREATE INDEX proposal_division ON proposal (division, number) WHERE ended IS NULL AND state = 'proposed';
GRANT SELECT, INSERT, UPDATE ON proposal TO {app};
"""
"""What a person asked the county's clerk to apply for."""

EDITIONS = """
CREATE TABLE edition (number bigint, state text COLLATE "C", division text COLLATE "C", body jsonb, since bigint, ended bigint,
    PRIMARY KEY (number, since));
CREATE UNIQUE INDEX edition_now ON edition (number) WHERE ended IS NULL;
GRANT SELECT, INSERT, UPDATE ON edition TO {app};
"""
"""Editions of the divisions that were filed, and what became of them."""

REJUDGE = """
CREATE TABLE imported (name text COLLATE "C", division text COLLATE "C", since bigint, ended bigint, PRIMARY KEY (name, since));
CREATE UNIQUE INDEX imported_now ON imported (name) WHERE ended IS NULL;
CREATE INDEX post_person_past ON post (person);
CREATE INDEX grants_holder_past ON grants (holder_unit, valid_until);
GRANT SELECT, INSERT, UPDATE ON imported TO {app};
CREATE TABLE replay (number bigint PRIMARY KEY, reached bigint NOT NULL, counts jsonb NOT NULL);
CREATE TABLE redecided (replay bigint, entry bigint, told jsonb NOT NULL, PRIMARY KEY (replay, entry));
GRANT SELECT, INSERT, UPDATE ON replay, redecided TO {app};
"""
"""Edits made elsewhere by the name their sender gave them; the register of past positions; and how far each replay has
come, with the entries it would have decided otherwise: a reckoning, made anew from the log whenever it is lost."""

SCRIPTS: tuple[str, ...] = (ASKED, LAW, LEAVES, HANDS, PEOPLE, KEEPING, EDITIONS, REJUDGE)


def upgrade() -> None:
    app = '"' + context.config.attributes.get("app_role", "mandate_app").replace('"', '""') + '"'
    for script in SCRIPTS:
        op.get_bind().exec_driver_sql(script.format(app=app))


def downgrade() -> None:
    raise RuntimeError("a log is not downgraded")
