"""Whoever wrote a policy file is told in plain Chinese what is wrong with it, and sent to the line where it stands."""

from __future__ import annotations

import pytest
from acts import FOLDER

from api import policies
from authz import amendment, policy, table

FILES = policies.files(FOLDER)
SET = policy.parse(FILES)
CATALOGUE = "catalogue.toml"
LINES = FILES[CATALOGUE].decode().split("\n")


def refused(name: str, data: bytes) -> amendment.Draft:
    return amendment.draft("64", {**FILES, name: data}, SET, SET.digest, region=True)


def keyed() -> list[tuple[int, str, str]]:
    """Every line of the catalogue that gives a word something: its number, its section and the word."""
    found, section = [], ""
    for number, text in enumerate(LINES, start=1):
        section = text.strip("[]").split(".")[0] if text.startswith("[") else section
        if " = " in text and not text.startswith("#"):
            found.append((number, section, text.partition(" = ")[0]))
    return found


def with_line(number: int, text: str) -> bytes:
    return "\n".join([*LINES[: number - 1], text, *LINES[number:]]).encode()


def test_what_is_no_toml_is_told_at_its_line() -> None:
    for number, _, word in keyed():
        with pytest.raises(table.BadTable) as caught:
            policy.parse({**FILES, CATALOGUE: with_line(number, f"{word} = 7x")})
        assert (caught.value.file, caught.value.line) == (CATALOGUE, number)


def test_a_word_with_nothing_is_told_at_its_own_line_whatever_else_is_called_so() -> None:
    """`name` is a field and stands in 脱贫人口 as well; `health` is a field, a kind of unit and a sensitivity."""
    asked = [each for each in keyed() if each[1] not in ("", "groups", "delegation", "objects")]
    for number, _, word in asked:
        with pytest.raises(table.BadTable) as caught:
            policy.parse({**FILES, CATALOGUE: with_line(number, f"{word} = []")})
        assert (caught.value.file, caught.value.line) == (CATALOGUE, number), word
    assert len(asked) > 150


ROLES, DUTIES, HANDLING, MODEL = "roles.csv", "duties.csv", "handling.toml", "model.conf"
MISTAKES = {
    "saved by a spreadsheet": (ROLES, "\n", "\r\n", 1, "Windows 换行"),
    "a mark before the first letter": (DUTIES, "code,kind", "\ufeffcode,kind", 1, "不带 BOM"),
    "commas of another width": (ROLES, "p,region_approver,decide,request", "p，region_approver，decide，request", 98, "半角逗号"),
    "a role misspelt": (ROLES, "p,region_approver,decide,request", "p,region_aprover,decide,request", 98, "region_aprover"),
    "an act misspelt": (ROLES, "p,region_approver,decide,request", "p,region_approver,decid,request", 98, "decid"),
    "an effect in capitals": (ROLES, "decide,request,allow", "decide,request,Allow", 98, "小写"),
    "a county that decides": (ROLES, "p,region_approver,decide,request", "p,county_admin,decide,request", 98, "S32"),
    "nobody decides": (ROLES, "p,region_approver,decide,request,allow\n", "", None, "没有角色可以办理批复"),
    "a strength misspelt": (DUTIES, "collect update,verify,block", "collect update,verify,blok", 12, "block、trim、extra、record"),
    "an operation misspelt": (DUTIES, "collect update,verify,block", "colect update,verify,block", 12, "colect"),
    "a strength nobody heeds": (DUTIES, "primary,deputy,block", "primary,deputy,record", 17, "不起作用"),
    "officers together": (DUTIES, "security_admin,audit_admin,block", "security_admin,audit_admin,record", 4, "不同的人"),
    "a number below its floor": (HANDLING, "value = 1095", "value = 3", 119, "允许范围"),
    "a section given twice": (HANDLING, "[intake_warn_first]", "[intake_days]", 9, "写了两次"),
    "a quotation mark left open": (HANDLING, 'zh = "农户申报受理办结时限"', 'zh = "农户申报受理办结时限', 4, "引号"),
    "a matcher without the day": (MODEL, " && live(r.holding, r.at)", "", 15, "有效期"),
    "a matcher that says yes": (MODEL, "live(r.holding, r.at)", "true", 15, "不认可的写法：true"),
    "an effect of another kind": (MODEL, "!some(where (p.eft == deny))", "some(where (p.eft == deny))", 12, "效力合成"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "line", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_in_chinese_with_file_and_line(
    name: str, old: str, new: str, line: int | None, told: str
) -> None:
    text = FILES[name].decode()
    assert old in text
    fault = refused(name, text.replace(old, new, -1 if old == "\n" else 1).encode()).fault
    assert fault is not None
    assert fault.detail is not None
    assert told in fault.detail
    end = FILES[name].decode().count("\n") - 1
    assert (fault.members["file"], fault.members["line"]) == (name, line or end)
    assert fault.detail.startswith(f"{name} 第 {line} 行：" if line else f"{name}：")


def test_another_encoding_is_told_where_it_begins() -> None:
    fault = refused(DUTIES, FILES[DUTIES].decode().encode("gbk")).fault
    assert fault is not None
    assert (fault.members["line"], "UTF-8" in (fault.detail or "")) == (2, True)


def test_a_file_too_many_and_one_too_few_are_told_without_a_line() -> None:
    short = {name: data for name, data in FILES.items() if name != DUTIES}
    for files, told in ((short, "缺少此文件"), ({**FILES, "notes.csv": b""}, "不应有此文件")):
        fault = amendment.draft("64", files, SET, SET.digest, region=True).fault
        assert fault is not None
        assert told in (fault.detail or "")
        assert fault.members["line"] == 1
