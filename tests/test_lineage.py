"""Who took over from whom, where codes end and are given to other places (G11, G12, G14)."""

from __future__ import annotations

from authz.division import Divisions
from authz.lineage import CHANGES, HISTORY, TREE, Lineage, parse_bundle

FIRST, SECOND, THIRD, LAST = "2019-10-31", "2020-06-30", "2021-10-31", "2022-10-31"
A, B, C, ELSEWHERE = "640324100201", "640324100202", "640324100203", "640422100"
TOWN = "640324100"
ALWAYS = {
    "64": "宁夏",
    "6403": "吴忠",
    "640324": "同心",
    TOWN: "豫海",
    "6404": "固原",
    "640422": "西吉",
    ELSEWHERE: "吉强",
}
LEVELS = {2: "region", 4: "city", 6: "county", 9: "township", 12: "village"}


def atlas(
    stood: dict[str, tuple[str, ...]], edges: tuple[tuple[str, str, str], ...], seat: str = TOWN
) -> tuple[Divisions, Lineage]:
    """The last edition, where villages stood in these editions, and from when on the people of one were under another."""
    editions = (FIRST, SECOND, THIRD, LAST)
    names = {**dict.fromkeys(ALWAYS, editions), **stood}
    tree = ["code,name,level,parent_code,code12"]
    for code in sorted(each for each, found in names.items() if LAST in found):
        above = next((code[:width] for width in (9, 6, 4, 2) if width < len(code)), "")
        above = seat if code in stood else above
        tree.append(f"{code},{ALWAYS.get(code, '某村')},{LEVELS[len(code)]},{above},{code.ljust(12, '0')}")
    history = ["code,level," + ",".join(editions)]
    history += [
        f"{code},{LEVELS[len(code)]},"
        + ",".join(ALWAYS.get(code, "某村") if each in found else "" for each in editions)
        for code, found in sorted(names.items())
    ]
    changes = ["as_of_from,as_of_to,level,change,old_code,old_name,new_code,new_name"]
    before = dict(zip(editions[1:], editions, strict=False))
    changes += [f"{before[at]},{at},village,recoded_same_name,{old},某村,{new},某村" for at, old, new in edges]
    files = {
        name: ("\n".join(lines) + "\n").encode()
        for name, lines in ((TREE, tree), (HISTORY, history), (CHANGES, changes))
    }
    return parse_bundle(LAST, files)


def told(lineage: Lineage, code: str) -> tuple[str | None, frozenset[str]]:
    return lineage.sole.get(code), lineage.heirs[code]


def test_a_successor_is_followed_to_the_code_of_now() -> None:
    _, found = atlas({A: (FIRST,), B: (SECOND, THIRD), C: (LAST,)}, ((SECOND, A, B), (LAST, B, C)))
    assert told(found, A) == (C, {C})
    assert told(found, B) == (C, {C})


def test_a_code_that_ended_and_was_given_to_another_place_succeeds_nobody() -> None:
    stood = {A: (FIRST,), B: (SECOND, LAST)}
    for seat in (TOWN, ELSEWHERE):
        divisions, found = atlas(stood, ((SECOND, A, B),), seat)
        assert divisions.known(B)
        assert told(found, A) == (None, frozenset()), "its people went under the code that ended"
        assert B in found.descent(A), "the past knows it still"


def test_what_a_code_became_in_its_second_life_is_not_what_became_of_the_first() -> None:
    _, found = atlas({A: (FIRST,), B: (SECOND,), C: (LAST,)}, ((SECOND, A, B), (LAST, B, C)))
    assert told(found, A) == (None, frozenset()), "it had ended an edition before anybody went on from it"


def test_people_who_left_a_standing_successor_do_not_take_the_others_along() -> None:
    _, found = atlas({A: (FIRST,), B: (SECOND, THIRD, LAST), C: (LAST,)}, ((SECOND, A, B), (LAST, B, C)))
    assert told(found, A) == (B, {B, C}), "the successor stands; who went on from it is to be asked"


def test_a_place_that_was_split_has_no_one_successor() -> None:
    _, found = atlas(
        {A: (FIRST,), B: (SECOND, THIRD, LAST), C: (SECOND, THIRD, LAST)}, ((SECOND, A, B), (SECOND, A, C))
    )
    assert told(found, A) == (None, {B, C})
