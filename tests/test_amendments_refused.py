"""A set of rules with one bad row is refused whole, when it is proposed and when it is adopted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from acts import Say, caller, submitted
from conftest import World
from test_amendments import SET, adopted, proposed, texts
from worlds import APPROVER, AUDITOR, SECURITY_ADMIN, Town

from api import founding
from audit import content
from authz import amendment, bundle


@pytest.fixture
def town(database: World) -> Iterator[Town]:
    with Town(database) as made:
        yield made


BROKEN = {
    "an unknown effect": ("roles_csv", lambda text: text.replace("decide,request,deny", "decide,request,Deny"), "roles.csv"),
    "an unknown row": ("roles_csv", lambda text: text + "q,a,b,c,allow\n", "roles.csv"),
    "an unknown role": ("roles_csv", lambda text: text + "p,king,read,log,allow\n", "roles.csv"),
    "a county that decides": ("roles_csv", lambda text: text + "p,county_admin,decide,request,allow\n", "roles.csv"),
    "nobody who adopts": ("roles_csv", lambda text: text.replace("p,region_approver,adopt,policy,allow\n", ""), "roles.csv"),
    "one who does both": ("roles_csv", lambda text: text + "p,region_approver,propose,policy,allow\n", "roles.csv"),
    "an officer with data": ("roles_csv", lambda text: text + "p,audit_admin,query,monitored.base,allow\n", "roles.csv"),
    "officers not apart": ("duties_csv", lambda text: text.replace("officers_system_audit,roles,system_admin,audit_admin,block", "officers_system_audit,roles,system_admin,audit_admin,record"), "duties.csv"),
    "a retention too short": ("handling_toml", lambda text: text.replace("value = 1095\nunit = \"day\"\nsource = \"PIPL 56\"\nstrength = \"M\"\nfloor = 1095", "value = 10\nunit = \"day\"\nsource = \"PIPL 56\"\nstrength = \"M\""), "handling.toml"),
    "a number gone": ("handling_toml", lambda text: text.replace("[lead_staff]", "[head_staff]"), "handling.toml"),
    "a matcher that forgets the place": ("model_conf", lambda text: text.replace(" && covers(r.holding, r.division)", ""), "model.conf"),
    "no grants": ("catalogue_toml", lambda text: text.replace("grants = true", "grants = false"), "catalogue.toml"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_one_bad_row_refuses_the_whole_with_file_and_line(town: Town, what: str) -> None:
    name, change, file = BROKEN[what]
    files = texts(**{name: change})
    assert files != texts(), "the change changes nothing"
    before = town.get("/v1/policies", AUDITOR).json()
    refused = proposed(town, files)
    told_ = refused.json()
    assert (refused.status_code, told_["code"], told_["file"]) == (422, "bad_policy", file)
    assert told_["line"] >= 1
    assert told_["detail"]
    assert town.get("/v1/policies", AUDITOR).json() == before


@pytest.mark.parametrize("what", BROKEN)
def test_what_an_earlier_release_let_through_is_looked_through_again_when_it_is_adopted(town: Town, what: str) -> None:
    name, change, file = BROKEN[what]
    files = {each: text.encode() for each, text in texts(**{name: change}).items()}
    digest, ledger = bundle.digest(files), town.deployment.ledger
    with town.deployment.database.engine.connect() as connection:
        content.store(connection, bundle.pack(files), founding.BUNDLE, "u-64-lead")
        connection.commit()
    fact = amendment.PolicyProposed(
        part=amendment.WHOLE, division="64", policy=digest, base=SET.digest, gained=(), lost=(), reason="c"
    )
    assert submitted(ledger, [Say(facts=(fact,), caller=caller(SECURITY_ADMIN))])[0].refused is None
    shown = town.get(f"/v1/policies/{digest}", APPROVER)
    assert (shown.status_code, shown.json()["proposals"][0]["state"]) == (200, "proposed")
    refused = adopted(town, digest)
    again = proposed(town, texts(**{name: change})).json()
    assert (refused.status_code, refused.json()["code"], refused.json()["file"]) == (422, "bad_policy", file)
    assert [refused.json()[each] for each in ("file", "line", "detail")] == [
        again[each] for each in ("file", "line", "detail")
    ]
    assert town.get("/v1/policies", AUDITOR).json()["in_force"] == SET.digest
    assert town.change(f"/v1/policies/{digest}/withdrawal", APPROVER, {"reason": "x"}).status_code == 200
