"""The verdict on a question, post by post: which answer counts where several are given, and what paper that came later shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from test_asking import WISH, scene, told
from test_decision import HOURS, POST, whole
from test_edit import GRID, IDLE, NEXT, NOW, TWICE, USUAL, VILLAGE, wish
from test_edit import scene as village

from authz import refusal
from authz.asking import Verdict, ask, ask_act, both, documented_later
from authz.decision import Scene, Wish
from authz.grant import Grant
from authz.household import Household
from authz.post import Post
from authz.register import Rows

UPDATE = Wish("update", "monitored.income", VILLAGE, 2026, "h-1")
DELETE = replace(UPDATE, operation="delete")


# --- one post after the other ---------------------------------------------------------------------------------------
def seated(*posts: Post) -> Scene:
    """The village, in which one person has these posts."""
    where = village()
    where.rows.posts[TWICE] = list(posts)
    where.rows.post |= {each.number: each for each in posts}
    return where


def answered(verdict: Verdict) -> tuple[str, int | None]:
    return told(verdict), None if verdict.post is None else verdict.post.number


IN_VILLAGE = village().rows.posts[TWICE]
SECRETARY, WORKER = IN_VILLAGE
FIRST_WORKER = replace(WORKER, number=4)
SECOND_SECRETARY = replace(SECRETARY, number=8)


@pytest.mark.parametrize(("posts", "asked", "answer"), [
    ((SECRETARY, WORKER), UPDATE, ("7", 6)), ((FIRST_WORKER, SECRETARY), UPDATE, ("7", 4)),
    ((SECRETARY, WORKER), DELETE, ("outside_operation", 6)), ((FIRST_WORKER, SECRETARY), DELETE, ("outside_operation", 4)),
    ((WORKER, SECRETARY), DELETE, ("outside_operation", 6)), ((SECRETARY, SECOND_SECRETARY), UPDATE, ("no_grant", 5)),
    ((SECOND_SECRETARY, SECRETARY), UPDATE, ("no_grant", 5)), ((SECRETARY, replace(WORKER, valid_until=NOW)), UPDATE, ("no_grant", 5)),
    ((replace(WORKER, valid_until=NOW),), UPDATE, ("not_employed", None)), ((), UPDATE, ("not_employed", None)),
    ((SECRETARY, WORKER), replace(UPDATE, cell="lifted_out.risk_elimination"), ("no_such_cell", 5)),
])  # fmt: skip
def test_a_permit_of_any_post_counts_and_else_the_refusal_that_got_furthest(
    posts: tuple[Post, ...], asked: Wish, answer: tuple[str, int | None]
) -> None:
    assert answered(ask(seated(*posts), TWICE, asked, NOW)) == answer


def test_in_one_post_the_others_are_not_asked() -> None:
    where = seated(SECRETARY, WORKER)
    found = [answered(ask(where, TWICE, UPDATE, NOW, number)) for number in (5, 6, 7)]
    assert found == [("no_grant", 5), ("7", 6), ("not_employed", None)]


def test_who_answers_is_asked_after_the_authority_and_counts_as_further() -> None:
    """Both posts may update; in the one it is refused for its role alone, in the other for the collector he names."""
    where = seated(WORKER, replace(SECOND_SECRETARY, role="village_collector"))
    named = wish(named={"collected_by": IDLE})
    assert answered(ask(where, TWICE, named, NOW)) == ("not_responsible", 6)
    for posts in ((SECRETARY, replace(WORKER, number=8)), (FIRST_WORKER, SECRETARY)):
        assert told(ask(seated(*posts), TWICE, named, NOW)) == "not_responsible"
    where = village(grid=USUAL - {"update"})
    worker, collector = WORKER, replace(SECOND_SECRETARY, role="village_collector")
    where.rows.posts[TWICE] = [worker, collector]
    assert answered(ask(where, TWICE, named, NOW)) == ("not_responsible", 8)


def test_the_record_of_the_household_is_asked_unless_it_is_left_out() -> None:
    where = village()
    where.rows.households["h-1"] = Household("h-1", NEXT, "monitored")
    assert told(ask(where, GRID, UPDATE, NOW)) == "wrong_household"
    assert told(ask(where, GRID, UPDATE, NOW, placed=False)) == "7"
    nothing = replace(UPDATE, cell="lifted_out.risk_elimination")
    assert told(ask(where, GRID, nothing, NOW, placed=False)) == "no_such_cell"


def test_an_edit_is_asked_with_all_it_says() -> None:
    where = village()
    assert told(ask(where, GRID, wish(changes_made=(("health", None, "c"),)), NOW)) == "misshapen"
    assert told(ask(where, GRID, wish(), NOW)) == "7"


def test_an_act_outside_the_place_is_told_before_an_act_of_another_role() -> None:
    where = scene(Rows(), HOURS[2])
    admin = replace(POST, number=1, unit="u-640324-lead", division="640324", role="county_admin")
    for posts in ([admin, POST], [replace(admin, number=10), POST]):
        where.rows.posts[POST.person] = posts
        found = ask_act(where, POST.person, "grant.delegate", "640422", HOURS[2])
        assert (told(found), found.post) == ("outside_division", posts[0])


@pytest.mark.parametrize(("refused", "undetermined"), [
    (refusal.NoGrant(missing="grant"), True), (refusal.NotEmployed(missing="post"), True), (refusal.NoGrant(missing="grant", duty="x"), False),
    (refusal.NoRole(missing="role"), False), (None, False),
])  # fmt: skip
def test_nothing_on_record_is_told_apart_from_a_record_that_says_no(
    refused: refusal.Refusal | None, undetermined: bool
) -> None:
    assert Verdict(None, refused, None).undetermined is undetermined


# --- paper that came later ------------------------------------------------------------------------------------------
ROOT = {"holder_unit": "u-640324-lead", "role": "county_admin"}


def known(*grants: Grant) -> Scene:
    held = [each for each in grants if each.holder_unit == POST.unit]
    others = [each for each in grants if each.holder_unit != POST.unit]
    return scene(
        Rows(grants={each.number: each for each in grants}, by_unit={POST.unit: held, "u-640324-lead": others}),
        HOURS[2],
    )


def leaf(number: int, root: int, **changed: Any) -> Grant:
    return whole(number, parent=root, path=(root, number), **{"issued_at": HOURS[4], "valid_from": HOURS[4]} | changed)


EARLY, LATE = whole(1, **ROOT), whole(1, issued_at=HOURS[3], **ROOT)
SAME = whole(1, issued_at=HOURS[2], **ROOT)
PAPERS: list[tuple[str, tuple[Grant, ...], int | None]] = [
    ("the late one above is named", (LATE, leaf(2, 1)), 1),
    ("one on record in time documents nothing", (EARLY, leaf(2, 1)), None),
    ("the late one under it does, if it reaches back", (EARLY, leaf(2, 1, valid_from=HOURS[0])), 2),
    ("what was recorded at that very instant is not late", (SAME, leaf(2, 1, valid_from=HOURS[0])), 2),
    ("one that begins at that instant covers it", (replace(LATE, scope=replace(LATE.scope, valid_from=HOURS[2])), leaf(2, 1)), 1),
    ("one handed on for later does not reach back", (LATE, leaf(2, 1, valid_from=HOURS[4], issued_at=HOURS[3])), None),
    ("of two the first", (LATE, leaf(2, 1), whole(3, issued_at=HOURS[3], **ROOT), leaf(4, 3)), 1),
    ("only what covers the instant is named", (whole(9, issued_at=HOURS[3], **ROOT), leaf(2, 9)), 9),
    ("beside one in time that does not fit", (whole(5, cells=frozenset({"monitored.base"})), LATE, leaf(2, 1)), 1),
]  # fmt: skip


@pytest.mark.parametrize(("grants", "named"), [each[1:] for each in PAPERS], ids=[each[0] for each in PAPERS])
def test_the_paper_that_would_have_permitted_it(grants: tuple[Grant, ...], named: int | None) -> None:
    assert documented_later(known(*grants), POST.person, WISH, HOURS[2]) == named


def test_what_was_permitted_then_needs_no_paper() -> None:
    then, now = known(whole(3)), known(whole(3), LATE, leaf(2, 1))
    found = both(then, now, POST.person, WISH, HOURS[2], placed=False)
    assert (found.known_then.decision, found.documented_later) == (True, None)
    assert both(known(), now, POST.person, WISH, HOURS[2], placed=False).documented_later == 1
