"""Editions worked out from each other: the real ones of Ningxia 2019 to 2023 one after the other, and hostile tables."""

from __future__ import annotations

from itertools import pairwise

import pytest
from acts import FOLDER

from api import policies
from authz import lineage, redistricting, refusal, table
from authz.lineage import TREE, Change

FILES = policies.tables(FOLDER / "divisions")
EDITIONS = ("2019-10-31", "2020-06-30", "2021-10-31", "2022-10-31", "2023-06-30")
STEPS = list(pairwise(EDITIONS))
THEN = {edition: redistricting.truncated(FILES, edition) for edition in EDITIONS}
NAMES = lineage.parse_bundle(EDITIONS[-1], FILES)[1]


def declared(until: str) -> bytes:
    """What the real table says of one step, as a filer would declare it."""
    words = ["change,old_code,new_code"]
    for each in lineage.changes(FILES[lineage.CHANGES], until):
        if each.kind == "recoded_same_name":
            words.append(f"successor,{each.old},{each.new}")
        if each.kind == "removed":
            words.append(f"abolished,{each.old},")
    before = EDITIONS[EDITIONS.index(until) - 1]
    old, past = lineage.parse_bundle(before, THEN[before])
    new, _ = lineage.parse_bundle(until, THEN[until])
    words += [f"returned,,{row.code}" for row in new if past.known_once(row.code) and not old.known(row.code)]
    return "\n".join([*words, ""]).encode()


def walked() -> dict[str, dict[str, bytes]]:
    """Every edition worked out from the one before, beginning with the first."""
    made = {EDITIONS[0]: THEN[EDITIONS[0]]}
    for before, until in STEPS:
        made[until] = redistricting.revise(made[before], before, until, THEN[until][TREE], declared(until))
    return made


WALKED = walked()
EDGES = [(each.edition, each.old, each.new) for each in NAMES.edges]


def rows(files: dict[str, bytes], edition: str) -> set[Change]:
    return set(lineage.changes(files[lineage.CHANGES], edition))


def test_there_are_forty_nine_edges() -> None:
    assert len(EDGES) == 49


@pytest.mark.parametrize(("edition", "old", "new"), EDGES)
def test_each_real_recode_leads_from_the_old_code_to_the_new(edition: str, old: str, new: str) -> None:
    before, names = lineage.parse_bundle(
        EDITIONS[EDITIONS.index(edition) - 1], WALKED[EDITIONS[EDITIONS.index(edition) - 1]]
    )
    after, then = lineage.parse_bundle(edition, WALKED[edition])
    assert (before.known(old), after.known(new)) == (True, True)
    assert new in then.successors(old)
    assert new not in names.successors(old)
    assert after.get(new).since == edition
    assert after.known(old) or then.heirs[old] >= {new}


@pytest.mark.parametrize(("before", "until"), STEPS)
def test_each_step_finds_the_changes_that_were_published(before: str, until: str) -> None:
    ours = {each for each in rows(WALKED[until], until) if each.kind not in ("returned", "lay_in")}
    assert ours == rows(FILES, until)
    assert rows(FILES, until) - rows(WALKED[before], before)


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_walk_ends_where_the_published_tables_are(edition: str) -> None:
    """The oracle: the same edition cut out of the whole table, not worked out step by step."""
    (ours, mine), (theirs, published) = (lineage.parse_bundle(edition, each[edition]) for each in (WALKED, THEN))
    assert list(ours) == list(theirs)
    assert dict(mine.names) == dict(published.names)
    assert set(mine.edges) == set(published.edges)
    assert (dict(mine.seat), dict(mine.heirs)) == (dict(published.seat), dict(published.heirs))


def test_the_last_of_the_walk_is_the_edition_of_the_folder() -> None:
    assert list(lineage.parse_bundle(EDITIONS[-1], WALKED[EDITIONS[-1]])[0]) == list(
        lineage.parse_bundle(EDITIONS[-1], FILES)[0]
    )


SPELLINGS = [
    ("兴民村委会", "兴民村村民委员会", True), ("兴民村委会", "宁夏回族自治区石嘴山市大武口区长兴街道兴民村村民委员会", True),
    ("骏马居委会", "石嘴山市大武口区长兴街道骏马社区居民委员会", True), ("荷花苑社区", "荷花苑社区居委会", True),
    ("润丰村村委会", "润丰村", True), ("217社区居委会", "２１７社区居委会", True), ("民运社区居委会", "新民社区居委会", False),
    ("黑刺沟村委会", "清源村委会", False), ("高桥村", "高桥社区", False), ("红寺堡工业园区管委会", "吴忠太阳山开发区", False),
    ("社区", "村", False),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "same"), SPELLINGS)
def test_g16_spellings_of_one_name_are_one_and_other_names_are_not(one: str, other: str, same: bool) -> None:
    outer = ("宁夏回族自治区", "石嘴山市", "大武口区", "长兴街道")
    assert (lineage.stem(one, outer) == lineage.stem(other, outer)) is same


@pytest.mark.parametrize(("code", "since"), [
    ("640303400", "2023-06-30"),  # used again, or renamed: nobody can tell (G12)
    ("640402104216", "2023-06-30"), ("640324104211", "2022-10-31"), ("640323001", "2021-10-31"),
    ("640323001001", "2021-10-31"), ("640522103209", "2022-10-31"), ("640202010201", ""), ("640324", ""), ("64", ""),
])  # fmt: skip
def test_since_when_a_code_is_what_it_is(code: str, since: str) -> None:
    divisions, _ = lineage.parse_bundle(EDITIONS[-1], FILES)
    assert not divisions.known(code) or divisions.get(code).since == since


# --- hostile tables -------------------------------------------------------------------------------------------------
SMALL = b"""code,name,level,parent_code,code12
64,R,region,,640000000000
6401,C,city,64,640100000000
640101,K,county,6401,640101000000
640101100,A,township,640101,640101100000
640101101,B,township,640101,640101101000
640101100200,a,village,640101100,640101100200
640101101200,b,village,640101101,640101101200
"""
BASE = {
    TREE: SMALL,
    lineage.HISTORY: b"""code,level,2000-01-01,2001-01-01
640101,county,K,K
640101100,township,A,A
640101101,township,B,B
640101100200,village,a,a
640101101200,village,b,b
640101100299,village,old,
""",
    lineage.CHANGES: ",".join(lineage.HEAD).encode() + b"\n",
}
DECLARED = b"change,old_code,new_code\n"
GOOD = SMALL.replace(b"640101100200,a,village,640101100,640101100200", b"640101101201,a,village,640101101,640101101201")
MOVE = DECLARED + b"successor,640101100200,640101101201\n"


def revise(tree: bytes = GOOD, said: bytes = MOVE, edition: str = "2002-01-01") -> dict[str, bytes]:
    return redistricting.revise(BASE, "2001-01-01", edition, tree, said)


def test_the_good_one_is_accepted() -> None:
    divisions, names = lineage.parse_bundle("2002-01-01", revise())
    assert names.successors("640101100200") == ("640101101201",)
    assert names.name_in("640101100200", "2001-01-01") == "a"
    assert names.seat["640101100200"] == "640101100"
    assert divisions.get("640101101201").since == "2002-01-01"


def tree(line: bytes, by: bytes) -> dict[str, bytes]:
    assert line in GOOD
    return {"tree": GOOD.replace(line, by)}


B = b"640101101,B,township,640101,640101101000"
HOSTILE = [
    (tree(B, b"6401011,B,township,640101,640101101000"), "tree", 6, "位半角数字"),
    (tree(B, "６40101101,B,township,640101,640101101000".encode()), "tree", 6, "位半角数字"),
    (tree(B, b"640101101,B,village,640101,640101101000"), "tree", 6, "级别"),
    (tree(B, b"640101101,,township,640101,640101101000"), "tree", 6, "名称"),
    (tree(B, b"640101101," + b"B" * 65 + b",township,640101,640101101000"), "tree", 6, "名称"),
    (tree(B, "640101101,B\u200b,township,640101,640101101000".encode()), "tree", 6, "名称"),
    (tree(B, b"640101101,B,township,640109,640101101000"), "tree", 6, "不在本表中"),
    (tree(B, b"640101101,B,township,640101100,640101101000"), "tree", 6, "高于本级"),
    (tree(B, b"640101101,B,township,640101101,640101101000"), "tree", 6, "高于本级"),
    (tree(B, b"640101101,B,township,,640101101000"), "tree", 6, "缺少上级"),
    (tree(B, b"640101101,B,township,640101,640101101"), "tree", 6, "code12"),
    (tree(B, B + b"\n" + B), "tree", 7, "重复"),
    (tree(b"64,R,region,,640000000000\n", b""), "tree", 2, "不在本表中"),
    (tree(b"code12", b"code"), "tree", 1, "表头"), ({"tree": b""}, "tree", 1, "表头"),
    ({"tree": b"\xff"}, "tree", 1, "UTF-8"), ({"tree": GOOD + b'"\n'}, "tree", 9, "引号"),
    ({"tree": GOOD + b"640101,x\n"}, "tree", 9, "列"),
    ({"edition": "2001-01-01"}, "tree", 1, "晚于"), ({"edition": "2002-1-1"}, "tree", 1, "晚于"),
    ({"said": DECLARED}, "changes", 1, "640101100200"),
    ({"said": DECLARED + b"successor,640101100200,640101101299\n"}, "changes", 2, "接替的代码应在新版中"),
    ({"said": DECLARED + b"successor,640101100298,640101101201\n"}, "changes", 2, "原代码应在现行版本中"),
    ({"said": DECLARED + b"successor,640101100200,640101101\n"}, "changes", 2, "同级"),
    ({"said": MOVE + b"abolished,640101100200,\n"}, "changes", 2, "既写了"),
    ({"said": MOVE + b"successor,640101100200,640101101201\n"}, "changes", 3, "重复"),
    ({"said": MOVE + b"abolished,640101101200,\n"}, "changes", 3, "撤销"),
    ({"said": MOVE + b"renamed,640101101,640101101\n"}, "changes", 3, "更名"),
    ({"said": MOVE + b"returned,,640101101201\n"}, "changes", 3, "恢复"),
    ({"said": MOVE + b"vanished,640101101,\n"}, "changes", 3, "之一"),
    (tree(b"640101101201,a,village,640101101,640101101201",
          b"640101101201,a,village,640101101,640101101201\n640101100299,n,village,640101100,640101100299"), "changes", 1, "returned"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "file", "line", "says"), HOSTILE)
def test_one_bad_line_refuses_the_whole_and_is_named(given: dict[str, object], file: str, line: int, says: str) -> None:
    with pytest.raises(table.BadTable) as caught:
        revise(**given)  # type: ignore[arg-type]
    assert (caught.value.file, caught.value.line) == (file, line)
    assert says in caught.value.zh


def test_g14_a_code_that_returns_is_declared_and_is_new() -> None:
    back = GOOD + b"640101100299,n,village,640101100,640101100299\n"
    divisions, names = lineage.parse_bundle("2002-01-01", revise(back, MOVE + b"returned,,640101100299\n"))
    assert divisions.get("640101100299").since == "2002-01-01"
    assert dict(names.names["640101100299"]) == {"2000-01-01": "old", "2002-01-01": "n"}


@pytest.mark.parametrize(
    ("said", "since"), [(DECLARED, "2002-01-01"), (DECLARED + b"renamed,640101101,640101101\n", "")]
)
def test_g12_a_new_name_is_another_place_unless_it_is_declared_to_be_the_same(said: bytes, since: str) -> None:
    named = SMALL.replace(b"640101101,B,", b"640101101,Z,")
    assert lineage.parse_bundle("2002-01-01", revise(named, said))[0].get("640101101").since == since


def test_g13_a_moved_code_and_one_that_received_others_are_new() -> None:
    moved = SMALL.replace(b"640101100200,a,village,640101100,", b"640101100200,a,village,640101101,")
    files = revise(moved, DECLARED + b"")
    divisions, names = lineage.parse_bundle("2002-01-01", files)
    assert (divisions.get("640101100200").since, divisions.get("640101101").since) == ("2002-01-01", "")
    assert names.lay == {}
    merged = SMALL.replace(b"640101100200,a,village,640101100,640101100200\n", b"")
    divisions, _ = lineage.parse_bundle(
        "2002-01-01", revise(merged, DECLARED + b"successor,640101100200,640101101200\n")
    )
    assert divisions.get("640101101200").since == "2002-01-01"
    again = redistricting.revise(files, "2002-01-01", "2003-01-01", merged, DECLARED + b"abolished,640101100200,\n")
    _, names = lineage.parse_bundle("2003-01-01", again)
    assert names.seat["640101100200"] == "640101101"  # where it lay last, which its code does not say


@pytest.mark.parametrize(
    ("code", "says"), [("640323104007", "640323100012"), ("640323104", "先核对"), ("640399", "半角数字")]
)
def test_whoever_names_a_code_that_is_no_more_is_told_what_to_name(code: str, says: str) -> None:
    with pytest.raises(refusal.BadDivisionCode, match=says):
        lineage.parse_bundle(EDITIONS[-1], FILES)[0].get(code)


def test_changes_are_counted_by_kind() -> None:
    rows = list(lineage.changes(WALKED["2021-10-31"][lineage.CHANGES], "2021-10-31"))
    counts = {kind: count for kind, count in redistricting.counted(rows).items() if count}
    assert counts == {"added": 91, "removed": 39, "recoded_same_name": 19, "renamed_same_code": 284}
