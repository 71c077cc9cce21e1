"""No set of rules seats somebody above everybody: what has to be in several hands does not come together in one role."""

from __future__ import annotations

import pytest
from acts import FOLDER

from api import policies
from authz import amendment, lint, policy, power, table
from authz.difference import rights
from authz.office import OFFICERS
from authz.pdp import Rule

FILES = policies.files(FOLDER)
ROLES = "roles.csv"
SET = policy.parse(FILES)
ALLOWED = rights(SET)


def refused(*lines: str, without: str = "") -> table.BadTable:
    text = FILES[ROLES].decode()
    assert without in text
    made = text.replace(without, "", 1) + "".join(f"{line}\n" for line in lines)
    with pytest.raises(table.BadTable) as caught:
        amendment.whole({**FILES, ROLES: made.encode()})
    return caught.value


@pytest.mark.parametrize("lines", [
    ["g,security_admin,system_admin"],
    ["g,audit_admin,security_admin"],
    ["g,system_admin,audit_admin"],
    ["g,region_approver,county_admin"],
    ["p,system_admin,propose,policy,allow"],
    ["p,system_admin,read,log,allow"],
    ["p,security_admin,read,log,allow"],
    ["p,security_admin,post,people,allow"],
    ["p,audit_admin,token,people,allow"],
    ["p,region_approver,post,people,allow"],
    ["p,region_approver,register,people,allow"],
    ["p,region_approver,export,log,allow"],
    ["p,region_approver,ask,erasure,allow"],
    ["p,region_staff,post,people,allow"],
    ["p,auditor,adopt,policy,allow"],
], ids=" ".join)  # fmt: skip
def test_two_powers_in_one_role_refuse_the_set_and_name_the_row(lines: list[str]) -> None:
    fault = refused(*lines)
    assert fault.file == ROLES
    assert "不得" in fault.zh
    assert power.CLAUSE in fault.zh
    assert FILES[ROLES].decode().count("\n") + 1 >= fault.line > 0


def test_an_office_that_changes_hands_is_refused_as_well() -> None:
    """Not what two officers share counts, but what one of them has: the other may have lost it in the same set."""
    gone = "p,system_admin,post,people,allow\n"
    assert "三权分立" in refused("p,security_admin,post,people,allow", without=gone).zh


@pytest.mark.parametrize("right", [
    "draft,request", "revoke,grant", "open,window", "load,household", "import,edit", "post,people", "give,approval",
    "declare,tie", "load,calendar", "confirm,division", "approve,erasure", "approve,officer",
])  # fmt: skip
def test_an_auditor_who_could_change_anything_refuses_the_set(right: str) -> None:
    fault = refused(f"p,auditor,{right},allow")
    act, object_ = right.split(",")
    assert f"auditor, {act}, {object_}" in fault.zh or fault.zh.startswith("角色 auditor 不得")
    assert (fault.file, fault.line) == (ROLES, FILES[ROLES].decode().count("\n") + 1)


def test_an_auditor_who_could_write_data_refuses_the_set() -> None:
    deny = "p,overseer,update,every_cell,deny\n"
    assert "审计人员只能查看" in refused("p,auditor,update,monitored.base,allow", without=deny).zh


def test_the_offices_of_the_repository_share_nothing_but_reading_and_each_others_appointment() -> None:
    """The control: told apart by what stands in roles.csv, without the words of the lint."""
    held = {role: {(act, object_) for who, act, object_ in ALLOWED if who == role} for role in OFFICERS}
    for one in OFFICERS:
        for other in OFFICERS:
            if one != other:
                shared = {right for right in held[one] & held[other] if right[0] != "read" and right[1] != "officer"}
                assert shared == set()
    assert [role for role in OFFICERS if ("read", "log") in held[role]] == ["audit_admin"]


def test_every_power_is_somebodys_and_no_region_role_has_two() -> None:
    for role, words in SET.catalogue.roles.items():
        mine = {name for name, acts in power.POWERS.items() if any((role, *each) in ALLOWED for each in acts)}
        assert len(mine) <= 1 or "region" not in words.levels
    for acts in power.POWERS.values():
        assert any((role, *each) in ALLOWED for role in SET.catalogue.roles for each in acts)


def test_the_row_that_gives_a_right_is_found_through_its_groups() -> None:
    text = FILES[ROLES].decode()
    for right in sorted(ALLOWED):
        mark = power.mark(SET, right)
        assert mark
        assert f"\n{mark}\n" in text
    assert lint.faults(SET) == ()
    assert Rule.compile(SET).digest == SET.digest
