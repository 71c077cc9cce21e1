"""Sections E and F of the list of attacks as far as routes exist: repeated keys, instants, tokens that were voided."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from conftest import World
from worlds import ADMIN, CLERK, COLLECTOR, GRID_WORKER, VILLAGE, Town

from authz.post import PersonRegistered, PostAssigned, UnitEstablished


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as made:
        (root,) = made.granted()
        made.delegated(root)
        yield made


def test_99_100_a_key_belongs_to_a_person_and_a_route(town: Town) -> None:
    """Fifty at once have one effect; another body is 422 on record; another person's same key is his own."""
    wish = town.edit()
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: town.post("/v1/edits", COLLECTOR, wish, idempotency_key="k"), range(50)))
    assert {(each.status_code, each.content) for each in told} == {(201, told[0].content)}
    before = town.size()
    other = town.post("/v1/edits", COLLECTOR, town.edit(quarter=3), idempotency_key="k")
    assert (other.status_code, other.json()["code"], town.size()) == (422, "key_reused", before + 1)
    assert town.post("/v1/edits", GRID_WORKER, wish, idempotency_key="k").status_code == 403
    elsewhere = town.post("/v1/edits/batch", COLLECTOR, [wish], idempotency_key="k")
    assert elsewhere.json()["results"][0]["entry"] != told[0].json()["entry"]


def test_120_a_voided_token_is_not_even_told_its_own_answer_again(town: Town) -> None:
    """A stored answer is for whoever may still come in; after a new sign-in it is the same answer as before."""
    old = town.token(COLLECTOR, at=time.time() - 5)
    wish, keyed = town.edit(), {"idempotency-key": "k"}

    def ask(token: str, path: str = "/v1/edits", body: object = wish) -> tuple[int, bytes]:
        answer = town.client.post(path, json=body, headers=keyed | {"Authorization": f"Bearer {token}"})
        return answer.status_code, answer.content

    first, many = ask(old), ask(old, "/v1/edits/batch", [wish])
    assert (first[0], many[0]) == (201, 200)
    voided = town.post(f"/v1/people/{COLLECTOR}/tokens/revocation", ADMIN, {"reason": "手机遗失"})
    assert voided.status_code == 200
    assert ask(old)[0] == 401
    assert ask(old, "/v1/edits/batch", [wish])[0] == 401
    fresh = town.token(COLLECTOR, at=time.time() + 2)
    assert ask(fresh) == first


INSTANTS = (
    "2031-07-09T00:00:60+08:00", "2031-07-09T24:00:00+08:00", "2031-07-09T00:00:00", "infinity", "9999-12-31T23:59:59Z",
    "10000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "1900-06-01T00:00:00+08:05:43", "2031-07-09", "", "2031-07-09 00:00:00Z",
)  # fmt: skip


@pytest.mark.parametrize("written", INSTANTS)
def test_107_an_instant_that_is_none(town: Town, written: str) -> None:
    assert town.post("/v1/edits", COLLECTOR, town.edit(occurred_at=written)).status_code == 422
    draft = town.draft()
    draft["lines"][0]["until"] = written
    answer = town.post("/v1/requests", CLERK, draft)
    assert answer.status_code == 422
    assert not written or written not in answer.text
    assert town.get("/v1/entries", ADMIN).status_code == 200


def test_90_occurred_tomorrow_is_refused_and_the_caller_is_judged_now(town: Town) -> None:
    """What is said to have occurred never moves the instant at which the caller is judged."""
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert town.post("/v1/edits", COLLECTOR, town.edit(occurred_at=ahead)).status_code == 422
    (grant,) = [each["id"] for each in town.get(f"/v1/grants?holder=u-{VILLAGE}-village", ADMIN).json()["items"]]
    assert town.change(f"/v1/grants/{grant}/revocation", ADMIN, {"reason": "调整"}).status_code == 200
    past = (datetime.now(UTC) - timedelta(seconds=2)).isoformat()
    answer = town.post("/v1/edits", COLLECTOR, town.edit(occurred_at=past))
    assert (answer.status_code, answer.json()["code"]) == (403, "revoked")


def test_121_a_token_is_read_from_its_header_alone(town: Town) -> None:
    token = town.token(CLERK)
    for answer in (
        town.client.get(f"/v1/me?access_token={token}"), town.client.get("/v1/me", headers={"Cookie": f"token={token}"}),
        town.client.get("/v1/me", headers={"Authorization": f"Basic {token}"}),
    ):  # fmt: skip
        assert answer.status_code == 401
        assert token not in answer.text


def _bytes(town: Town, post: str) -> list[tuple[bytes, bytes]]:
    """The collector's headers with a post that need not be ASCII."""
    given = [*town.headers(COLLECTOR).items(), ("Mandate-Post", post)]
    return [(name.encode(), value.encode()) for name, value in given]


def test_94_the_post_of_somebody_else_is_no_post_of_mine(town: Town) -> None:
    post = town.get(f"/v1/people/{ADMIN}", ADMIN).json()["posts"][0]["post"]
    before = town.size()
    answer = town.post("/v1/edits", COLLECTOR, town.edit(), mandate_post=str(post))
    assert (answer.status_code, answer.json()["code"], town.size()) == (403, "not_employed", before + 1)
    for written in ("-1", "1e3", "x", "١", "9" * 17):
        answer = town.client.get("/v1/me", headers=_bytes(town, written))
        assert answer.status_code == 422, written


def test_120_a_former_office_voids_nobodys_tokens(database: World) -> None:
    """Who left the county for another one is no longer locked out by the county; his present office may."""
    ended, begun = "2026-02-01T00:00:00.000000Z", "2026-01-01T00:00:00.000000Z"
    more = (
        UnitEstablished(unit="u-640422-lead", unit_kind="lead", division="640422", name="n", earlier_name=None),
        PersonRegistered(person_id="p-3001", natural="f" * 64, name="0" * 64, phone=None),
        *(
            PostAssigned(person_id="p-3001", post_unit=f"u-{place}-lead", division=place, role="county_clerk", title="t",
                         valid_from=begun, valid_until=until)
            for place, until in (("640324", ended), ("640422", None))
        ),
    )  # fmt: skip
    with Town(database, more=more) as town:
        path, reason = "/v1/people/p-3001/tokens/revocation", {"reason": "手机遗失"}
        answer = town.post(path, ADMIN, reason)
        assert (answer.status_code, answer.json()["code"]) == (403, "outside_division")
        assert town.get("/v1/me", "p-3001").status_code == 200
        assert town.post(path, "p-1041", reason).status_code == 200
        assert town.get("/v1/me", "p-3001").status_code == 401
