"""A policy set is taken whole or not at all: every way a lenient reader would drop a row is refused here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import policies
from authz import bundle, policy, table

HOME = Path(__file__).parent.parent / "policies"
FILES = {name: (HOME / name).read_bytes() for name in policy.FILES}
GOOD = policy.parse(FILES)
ROLES, DUTIES, HANDLING, CATALOGUE, MODEL, WORDS = (
    "roles.csv", "duties.csv", "handling.toml", "catalogue.toml", "model.conf", "documents/codewords.csv",
)  # fmt: skip


def with_line(name: str, line: str) -> dict[str, bytes]:
    """The good set with one more line at the end of a file."""
    return {**FILES, name: FILES[name] + line.encode() + b"\n"}


def with_change(name: str, old: str, new: str) -> dict[str, bytes]:
    """The good set with the first `old` of a file made `new`."""
    assert old.encode() in FILES[name]
    return {**FILES, name: FILES[name].replace(old.encode(), new.encode(), 1)}


def last(files: Mapping[str, bytes], name: str) -> int:
    return files[name].count(b"\n")


def test_the_good_set_is_read_whole() -> None:
    written = [line for line in FILES[ROLES].decode().split("\n") if line.startswith("p,")]
    assert [f"p,{row.role},{row.act},{row.object},{row.eft}" for row in GOOD.rows] == written
    linked = [line for line in FILES[ROLES].decode().split("\n") if line.startswith(("g,", "g2,"))]
    assert len(GOOD.role_links) + len(GOOD.object_links) == len(linked)
    assert len(GOOD.duties) == FILES[DUTIES].count(b"\n") - 1
    assert GOOD.codewords["同乡振发"].unit == "u-640324-lead"
    assert policies.load(HOME).digest == GOOD.digest


def test_a_folder_with_a_file_missing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(table.BadTable, match="catalogue"):
        policies.load(tmp_path)


def test_the_model_is_a_constant() -> None:
    golden = "8cc9bbb6fd396e2dcf8c6bdde51640ac8c94db5a60854a6893f2056a5ed391d6"
    assert hashlib.sha256(FILES[MODEL]).hexdigest() == golden


ROW_LINES = [
    ("p,county_clerk,draft,request,Deny", "effect"),
    ("p,county_clerk,draft,request,", "empty"),
    ("p,county_clerk,draft,request,allow ", "blank"),
    ("p, county_clerk,read,log,allow", "blank"),
    ("p,county_clerk,draft,request", "fields"),
    ("p,county_clerk,draft,request,allow,x", "fields"),
    ("p,li, 640422,income,approve,allow", "fields"),
    ("p2,county_clerk,draft,request,allow", "row type"),
    ("P,county_clerk,draft,request,allow", "row type"),
    ("g3,county_clerk,county_worker", "row type"),
    (" p,county_clerk,draft,request,allow", "row type"),
    ("p,emperor,read,log,allow", "unknown role"),
    ("p,,read,log,allow", "empty"),
    ("p,*,read,log,allow", "unknown role"),
    ("p,county_clerk,read,treasury,allow", "unknown object"),
    ("p,county_clerk,read,lifted_out.risk_elimination,allow", "unknown object"),
    ("p,county_clerk,smuggle,log,allow", "no such act"),
    ("p,county_clerk,request.draft,request,allow", "no such act"),
    ("p,county_clerk,mark_eliminated,monitored.income,allow", "no such act"),
    ("p,county_clerk,mark_eliminated,every_cell,allow", "no such act"),
    ("p,county_clerk,update,log,allow", "no such act"),
    ("p,county_clerk,draft,request,allow", "twice"),
    ('p,"county_clerk,read,log,allow', "quotes"),
    ("g,county_clerk,county_worker", "twice"),
    ("g,county_clerk", "fields"),
    ("g,emperor,county_worker", "unknown role"),
    ("g,county_clerk,emperors", "unknown role"),
    ("g2,treasury,every_cell", "unknown role, object"),
    ("g,registered,county_clerk", "circle"),
    ("g,county_clerk,county_clerk", "circle"),
    ("g2,every_cell,plain_cells", "circle"),
]


@pytest.mark.parametrize(("line", "reason"), ROW_LINES)
def test_a_bad_line_of_roles_refuses_the_whole_set(line: str, reason: str) -> None:
    with pytest.raises(table.BadTable, match=reason) as caught:
        policy.parse(with_line(ROLES, line))
    assert caught.value.file == ROLES
    assert caught.value.zh
    if reason != "circle":
        assert caught.value.line == last(with_line(ROLES, line), ROLES)


CHANGES = [
    (with_change(DUTIES, ",block,", ",Block,"), DUTIES, "strength"),
    (with_change(DUTIES, ",block,S32,", ",block,because,"), DUTIES, "basis"),
    (with_change(DUTIES, "roles,system_admin,", "roles,emperor,"), DUTIES, "unknown role"),
    (with_change(DUTIES, "request,request.draft,", "request,request.smuggle,"), DUTIES, "unknown role or act"),
    (with_change(DUTIES, "request,request.draft,", "request,,"), DUTIES, "unknown role or act"),
    (with_line(DUTIES, "clerk_signatory,request,request.draft,request.sign,block,local,重复"), DUTIES, "repeated"),
    (with_line(DUTIES, "a,request,request.draft"), DUTIES, "fields"),
    (with_change(DUTIES, "code,kind", "kind,code"), DUTIES, "header"),
    (with_change(HANDLING, "value = 20\n", "value = 20.5\n"), HANDLING, "range"),
    (with_change(HANDLING, "value = 20\n", "value = true\n"), HANDLING, "range"),
    (with_change(HANDLING, 'value = 1095\nunit = "day"\nsource = "C', 'value = 179\nunit = "day"\nsource = "C'),
     HANDLING, "range"),
    (with_change(HANDLING, 'source = "S15"', 'source = "S99"'), HANDLING, "source"),
    (with_change(HANDLING, 'source = "S15"', 'source = "local"'), HANDLING, "strength"),
    (with_change(HANDLING, 'unit = "workday"\n', ""), HANDLING, "key"),
    (with_line(HANDLING, "[intake_days]"), HANDLING, "TOML"),
    (with_change(CATALOGUE, "grants = true", 'grants = "yes"'), CATALOGUE, "boolean"),
    (with_change(CATALOGUE, '[grounds]\n', '[grundlagen]\n'), CATALOGUE, "section"),
    (with_change(CATALOGUE, '"lifted_out.base" =', '"lifted_out.secrets" ='), CATALOGUE, "unknown"),
    (with_change(CATALOGUE, 'collect = { zh = "采集"', 'collect = { zh = ""'), CATALOGUE, "Chinese"),
    (with_change(CATALOGUE, "writes = true", "writes = 1"), CATALOGUE, "boolean"),
    (with_change(CATALOGUE, 'levels = ["region"]', 'levels = ["nation"]'), CATALOGUE, "unknown name"),
    (with_change(CATALOGUE, '"grid_worker", ', '"grid_worker", "grid_worker", '), CATALOGUE, "repeated"),
    (with_change(CATALOGUE, '"text", "identity"', '"text", "secret"'), CATALOGUE, "sensitivity"),
    (with_change(CATALOGUE, '"every_cell"]', '"every_cell", "request"]'), CATALOGUE, "group name"),
    (with_change(CATALOGUE, 'roles = ["auditor"]', 'roles = ["township_admin"]'), CATALOGUE, "level"),
    (with_change(MODEL, "r.act == p.act", "r.act == p.act # &&"), MODEL, "comments"),
    (with_change(MODEL, " && live(", " && \\\nlive("), MODEL, "continued"),
    (with_change(WORDS, "u-640324-lead", "640324"), WORDS, "code word"),
    (with_change(WORDS, "QINGSHI HAN", "QINGSHI MEMO"), WORDS, "document"),
    (with_line(WORDS, "同乡振发,u-640422-lead,HAN,local"), WORDS, "repeated"),
    ({**FILES, ROLES: b""}, ROLES, "allows"),
    ({**FILES, ROLES: b"p,county_clerk,read,log,deny\n"}, ROLES, "allows"),
    ({**FILES, ROLES: b"p,overseer,read,log,allow\n"}, ROLES, "without members"),
    ({**FILES, ROLES: b"\xef\xbb\xbf" + FILES[ROLES]}, ROLES, "byte order mark"),
    ({**FILES, ROLES: FILES[ROLES].replace(b"\n", b"\r\n")}, ROLES, "carriage return"),
    ({**FILES, ROLES: FILES[ROLES] + b"\xff\n"}, ROLES, "UTF-8"),
    ({**FILES, ROLES: FILES[ROLES] + b"\0\n"}, ROLES, "NUL"),
    ({**FILES, "more.csv": b""}, "more.csv", "unexpected"),
    ({name: data for name, data in FILES.items() if name != DUTIES}, DUTIES, "missing"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "name", "reason"), CHANGES, ids=range(len(CHANGES)))
def test_a_bad_file_refuses_the_whole_set(files: dict[str, bytes], name: str, reason: str) -> None:
    with pytest.raises(table.BadTable, match=reason) as caught:
        policy.parse(files)
    assert caught.value.file == name
    assert caught.value.zh


def test_groups_may_not_be_deeper_than_casbin_follows() -> None:
    names = [f"step{n}" for n in range(policy.MOST_DEPTH + 1)]
    more = ", ".join(f'"{name}"' for name in names)
    declared = with_change(CATALOGUE, 'objects = ["plain_cells"', f'objects = [{more}, "plain_cells"')
    steps = ["g2,lifted_out.base,step0", *(f"g2,step{n},step{n + 1}" for n in range(policy.MOST_DEPTH))]
    six = FILES[ROLES] + "\n".join(steps[:-1]).encode() + b"\n"
    assert "step5" in policy.parse({**declared, ROLES: six}).objects["lifted_out.base"]
    with pytest.raises(table.BadTable, match="too deep"):
        policy.parse({**declared, ROLES: six + steps[-1].encode() + b"\n"})


@pytest.mark.parametrize("name", policy.FILES)
def test_every_byte_of_every_file_is_in_the_digest(name: str) -> None:
    assert bundle.digest({**FILES, name: FILES[name] + b" "}) != GOOD.digest
    assert bundle.digest(dict(reversed(FILES.items()))) == GOOD.digest


def test_the_digest_does_not_join_files() -> None:
    assert bundle.digest({"a": b"xb", "b": b""}) != bundle.digest({"a": b"x", "b": b"b"})


SPEC_LINES = [
    "emperor,read,log,allow,x",
    "county_clerk,smuggle,log,allow,x",
    "county_clerk,read,plain_cells,allow,x",
    "county_clerk,read,log,Allow,x",
    "county_clerk,read,log,allow,",
    "county_clerk,,log,allow,x",
    "county_clerk,read,log,allow",
]


@pytest.mark.parametrize("line", SPEC_LINES)
def test_a_bad_line_of_the_truth_table_is_refused(line: str) -> None:
    with pytest.raises(table.BadTable) as caught:
        policy.parse_spec("x.csv", f"role,act,object,expected,because\n{line}\n".encode(), GOOD)
    assert caught.value.line == 2


@given(st.binary(max_size=80), st.sampled_from(policy.FILES))
def test_any_bytes_are_refused_with_a_reason_and_nothing_else(data: bytes, name: str) -> None:
    spoilt = data + b"#" if name == MODEL else FILES[name] + b"\n" + data + b"\n,\x01"
    with pytest.raises(table.BadTable) as caught:
        policy.parse({**FILES, name: spoilt})
    assert caught.value.file == name
