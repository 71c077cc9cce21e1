"""What goes on under a new edition: where, by whom, and never with more than came from the old place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from test_edition import COUNTY, NEW, NOW, OTHER, STREET, T0, grant, scene

from authz import confirmation, refusal
from authz.decision import Law
from authz.division import LEVELS, Division, Divisions
from authz.fact import Where
from authz.grant import Grant
from authz.lineage import Edge, Lineage
from authz.post import FAR, Post, Unit


# --- by the real history --------------------------------------------------------------------------------------------
def confirmed(role: str, unit: str, asked: str | None, *links: Grant, law: Law = NOW) -> str:
    """The division the last grant goes on at, or the code of the refusal."""
    try:
        return confirmation.confirmed(links, asked, "r", scene(role, unit, *links, law=law)).division
    except refusal.Refusal as refused:
        return refused.code


ROOT = grant("640323", "2023-06-30", 1)
CONFIRMED = [
    ((*COUNTY, None), "unacceptable"), ((*COUNTY, NEW), NEW), ((*COUNTY, OTHER), OTHER), ((*COUNTY, f"{NEW}001"), f"{NEW}001"),
    ((*COUNTY, "640323100"), "wider_than_held"), ((*COUNTY, "640323"), "wider_than_held"), ((*COUNTY, "640324"), "wider_than_held"),
    ((*COUNTY, STREET), "bad_division_code"), (("county_admin", "u-640324-lead", NEW), "denied"),
    (("region_approver", "u-64-lead", "640323100"), "wider_than_held"), (("region_approver", "u-64-lead", NEW), NEW),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "answer"), CONFIRMED)
def test_a_split_place_goes_on_where_a_person_says_and_never_wider(
    asked: tuple[str, str, str | None], answer: str
) -> None:
    child = grant(STREET, "2020-06-30", 2, parent=1)
    assert confirmation.choices(child, NOW) == (NEW, OTHER)
    assert confirmed(*asked, ROOT, child) == answer


def test_the_parent_is_confirmed_first() -> None:
    child = grant(STREET, "2020-06-30", 2, parent=1)
    assert confirmed(*COUNTY, NEW, grant("640323", "2020-06-30", 1), child) == "scope_needs_confirmation"
    elsewhere = grant("640324", "2023-06-30", 1)
    with pytest.raises(refusal.WiderThanHeld, match="另行转授"):  # and not: confirm the one above first, which is
        confirmation.confirmed((elsewhere, child), NEW, "r", scene(*COUNTY, elsewhere, child))


def test_only_the_region_confirms_what_took_others_in() -> None:
    """The eleven communities of 640323104 all lie in it no more; one of them merged into a place of others."""
    merged = replace(NOW.lineage, edges=(*NOW.lineage.edges, Edge("2023-06-30", "640323103200", f"{NEW}001")))
    child, law = grant(f"{STREET}001", "2020-06-30", 2, parent=1), replace(NOW, lineage=merged)
    assert confirmed(*COUNTY, None, ROOT, child) == f"{NEW}001"
    assert confirmed(*COUNTY, None, ROOT, child, law=law) == "wider_than_held"
    assert confirmed("region_approver", "u-64-lead", None, ROOT, child, law=law) == f"{NEW}001"


def test_what_does_not_wait_is_not_confirmed() -> None:
    assert confirmed("region_approver", "u-64-lead", None, grant("640324101", "2022-10-31", 1)) == "wrong_state"


def test_a_unit_of_an_abolished_place_goes_on_with_its_people() -> None:
    unit = Unit(f"u-{STREET}-township", "township", STREET, "街道办事处", None)
    staff = [
        Post(5, "p-5", unit.id, STREET, "township_admin", "", T0, FAR),
        Post(6, "p-6", unit.id, STREET, "x", "", T0, T0),
    ]
    made = confirmation.carried(unit, staff, NEW, "r", scene("system_admin", "u-64-lead"))
    assert (made.division, made.left, made.posts) == (NEW, STREET, (5,))
    assert [(each.table, each.key) for each in made.changes(Where(7, T0))] == [("unit", (unit.id,)), ("post", (5,))]
    for asked in (None, OTHER, "640323", "640324100"):
        with pytest.raises(refusal.Unacceptable):
            confirmation.carried(unit, staff, asked, "r", scene("system_admin", "u-64-lead"))
    with pytest.raises(refusal.WrongState):
        confirmation.carried(replace(unit, division=NEW), staff, NEW, "r", scene("system_admin", "u-64-lead"))


# --- by a small land of three editions --------------------------------------------------------------------------------
HOME, A, B, C = "640324", "640324100", "640324110", "640324120"
A1, A2, A3 = (f"{A}20{n}" for n in (1, 2, 3))
B1, B2 = (f"{B}20{n}" for n in (1, 2))
C1 = f"{C}201"
D, D1 = "640324140", "640324140201"
BESIDE, BESIDE1 = "640324130", "640324130201"
ALWAYS = "123"


def land(
    stands: Mapping[str, str], names: Mapping[str, str], edges: Sequence[tuple[str, str, str]] = (),
    moves: Sequence[tuple[str, str, str]] = (), under: Mapping[str, str] = {},
) -> Law:  # fmt: skip
    """Editions 1, 2 and 3. `stands` are the villages and townships of now, each since when; `names` the codes with the
    editions that had them; `under` a township that its code does not tell. Beside them lies a township of which nothing changes."""
    rows = [("64", None, ""), (HOME, "64", ""), (BESIDE, HOME, ""), (BESIDE1, BESIDE, "")]
    rows += [
        (code, under.get(code, HOME if len(code) == len(A) else code[: len(A)]), since)
        for code, since in stands.items()
    ]
    divisions = Divisions("3", [Division(code, code, LEVELS[len(code)], above, since) for code, above, since in rows])
    past = Lineage(
        ("1", "2", "3"), {c: tuple((e, c) for e in found) for c, found in (dict.fromkeys((HOME, BESIDE, BESIDE1), ALWAYS) | dict(names)).items()},
        tuple(Edge(*each) for each in edges), moves=tuple(Edge(*each) for each in moves),
    )  # fmt: skip
    gone = [code for code in names if not divisions.known(code)]
    past = replace(past, seat=dict.fromkeys(gone, HOME))
    heirs = {code: frozenset(each for each in past.descent(code) if divisions.known(each)) for code in gone}
    return replace(NOW, divisions=divisions, lineage=replace(past, heirs=heirs))


GONE = {A: "1", A1: "1", A2: "1"}
CAME = {B: "23", B1: "23", B2: "23"}
NEWLY = {B: "2", B1: "2", B2: "2"}
BOTH = [("2", A1, B1), ("2", A2, B2)]
INHERITED: dict[str, tuple[Law, set[str]]] = {
    "all of it": (land(NEWLY, GONE | CAME, BOTH), {B}),
    "one took in people of others": (land(NEWLY | {C: ""}, GONE | CAME | {C: ALWAYS, C1: "1"}, [*BOTH, ("2", C1, B2)]), {B1}),
    "one had people of its own": (land(NEWLY, GONE | CAME | {B2: ALWAYS}, BOTH), {B1}),
    "one had people of its own for a while": (
        land(NEWLY, {A: "12", A1: "1", A2: "12", B: "23", B1: "23", B2: "23"}, [("2", A1, B1), ("3", A2, B2)]), {B1},
    ),
    "one took in two of them, one after the other": (
        land(NEWLY, {A: "12", A1: "1", A2: "1", A3: "12"} | CAME, [*BOTH, ("3", A3, B2)]), {B},
    ),
    "two gave to each other": (land(NEWLY, GONE | CAME, [*BOTH, ("3", B1, B2), ("3", B2, B1)]), set()),
    "one took in a code that no edition names": (land(NEWLY, GONE | CAME, [*BOTH, ("2", A3, B2)]), {B1}),
    "one stands under another township": (
        land(NEWLY | {A3: "2"}, GONE | CAME | {A3: ALWAYS}, BOTH, [("2", A3, A)], {A3: B}), {B},
    ),
    "one stands under another township, beside others": (
        land({B: "2", B1: "2", C: "", C1: "", A3: "2"}, GONE | CAME | {A3: ALWAYS, C: ALWAYS, C1: ALWAYS}, [("2", A1, B1)],
             [("2", A3, A)], {A3: C}), {B, A3},
    ),
    "a code was used again": (
        land({B: "2", B1: "2", C: "", C1: "", A3: "3"}, GONE | CAME | {A3: "13", C: ALWAYS, C1: ALWAYS}, [("2", A1, B1)],
             [("2", A3, A)], {A3: C}), {B},
    ),
    "what one that stands gave away is looked for by a person": (
        land({B: "2", B1: "2", D: "2", D1: "2", C: "", A3: "2"}, GONE | {B: "23", B1: "23", D: "23", D1: "23", A3: ALWAYS, C: ALWAYS},
             [("2", A1, B1), ("2", A3, D1)], [("2", A3, A)], {A3: C}), {B, C},
    ),
    "nothing is known": (land({B: "", B1: ""}, GONE | {B: ALWAYS, B1: ALWAYS}), set()),
}  # fmt: skip


@pytest.mark.parametrize("case", INHERITED)
def test_what_came_wholly_from_an_abolished_place(case: str) -> None:
    law, found = INHERITED[case]
    assert confirmation.inherited(A, "1", law) == found


STILL = {A: "", A1: "2", A2: ""}
KEPT = {A: ALWAYS, A1: ALWAYS, A2: ALWAYS}
GROWN: dict[str, tuple[Law, str, bool]] = {
    "something inside changed": (land(STILL, KEPT), "1", False),
    "it took others in": (land(STILL, KEPT | {C: "1"}, [("2", C, A)]), "1", True),
    "it took others in, and others changed": (
        land(STILL, KEPT | {C: "1", C1: "1"}, [("2", C, A), ("2", C1, A2)]),
        "1",
        True,
    ),
    "it took others in before": (land(STILL | {A1: "3"}, KEPT | {C: "1"}, [("2", C, A)]), "2", False),
    "another took others in": (land(STILL, KEPT | {C1: "1"}, [("2", C1, A2)]), "1", False),
    "it was used again": (land(STILL | {A1: "3"}, KEPT | {A: "13"}), "1", True),
    "it was not there when it was given": (land(STILL | {A1: "3"}, KEPT | {A: "13"}), "2", True),
    "it was used again before": (land(STILL | {A1: "3"}, KEPT | {A: "23"}), "2", False),
    "it is in no history": (land(STILL, {A1: ALWAYS, A2: ALWAYS}), "1", False),
}


@pytest.mark.parametrize("case", GROWN)
def test_only_the_region_confirms_a_code_that_stands_for_more(case: str) -> None:
    law, given, grown = GROWN[case]
    root = replace(grant(HOME, "3", 1), holder_unit="u-640324-lead")
    child = replace(grant(A, given, 2, parent=1), issuer_unit="u-640324-lead")
    county = ("county_admin", "u-640324-lead")
    assert confirmation.choices(child, law) == (A,)
    assert confirmed(*county, None, root, child, law=law) == ("wider_than_held" if grown else A)
    assert confirmed("region_approver", "u-64-lead", None, root, child, law=law) == A


def refused(links: Sequence[Grant], law: Law) -> str:
    with pytest.raises(refusal.Unacceptable) as caught:
        confirmation.confirmed(links, None, "r", scene("region_approver", "u-64-lead", *links, law=law))
    return str(caught.value.detail)


def test_whoever_has_to_choose_is_told_whether_there_is_anything_to_choose() -> None:
    child = grant(A, "1", 1)
    assert "请从接替的区划中选定一个再确认" in refused((child,), land({B: "2", B1: "2", C: "2", f"{C}202": "2"}, GONE | CAME, [
        ("2", A1, B1), ("2", A2, f"{C}202")]))  # fmt: skip
    assert confirmation.ENDED in refused((child,), land({B: "", B1: ""}, GONE | {B: ALWAYS, B1: ALWAYS}))


def test_every_link_above_covers_the_chosen_place() -> None:
    """One that covers it does not make up for one that does not."""
    child = grant(STREET, "2020-06-30", 3, parent=2)
    far, near = grant("640324", "2023-06-30", 1), grant("640323", "2023-06-30", 2, parent=1)
    for above in ((far, near), (replace(near, number=1), replace(far, number=2))):
        assert confirmed("region_approver", "u-64-lead", NEW, *above, child) == "wider_than_held"


def carried(law: Law, asked: str | None, *staff: Post) -> confirmation.UnitConfirmed:
    unit = Unit(f"u-{A}-township", "township", A, "乡", None)
    return confirmation.carried(unit, staff, asked, "r", scene("system_admin", "u-64-lead", law=law))


def test_a_unit_goes_on_in_the_one_place_there_is() -> None:
    one = land(NEWLY, GONE | CAME, [*BOTH, ("2", A, B)])
    seats = [
        Post(5, "p-5", f"u-{A}-township", A, "township_admin", "", T0, FAR),
        Post(6, "p-6", f"u-{A}-township", A1, "township_admin", "", T0, FAR),
        Post(7, "p-7", f"u-{A}-township", A, "township_admin", "", T0, T0),
    ]
    made = carried(one, None, *seats)
    assert (made.division, made.posts) == (B, (5,)), "a deputy for one village stays at that"
    assert carried(one, B).posts == ()
    two = land(NEWLY | {C: "2", C1: "2"}, GONE | CAME | {C: "23", C1: "23"}, [("2", A1, B1), ("2", A2, C1)])
    none = land({B: "", B1: ""}, GONE | {B: ALWAYS, B1: ALWAYS})
    for law, asked, told in (
        (two, None, "请从接替的同级区划中选定"), (two, HOME, "请从接替的同级区划中选定"), (none, None, confirmation.DISSOLVED),
        (none, B, confirmation.DISSOLVED),
    ):  # fmt: skip
        with pytest.raises(refusal.Unacceptable) as caught:
            carried(law, asked)
        assert told in str(caught.value.detail)
