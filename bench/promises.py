"""`python -m bench.promises`: two promises at the size they are made at, on a running service (PROMISES=100000).

P22  an upgrade never changes a decision silently: recorded decisions are made again by this build, none may differ
P14  a list is the filter of the single answers: searches for subjects, resources and actions in states that change all
     the time, each compared with the questions about every candidate

Both have a control: one rule is taken away, and a list is kept past a suspension; both have to be noticed.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from api import founding, policies
from api.demo.client import Client
from api.postgres.opening import visited
from api.settings import Settings
from audit import entry as entries
from audit import replay
from authz import policy, redecision
from authz.pdp import Rule
from authz.redecision import Decided
from bench import authority
from bench.__main__ import edit, service
from bench.authority import COUNTY, OPERATIONS, Village, done

ENOUGH = int(os.environ.get("PROMISES", "100000"))
BATCH, HOUSES = 500, 60
FOLDER = Path(policies.__file__).parent.parent / "policies"
RULE = "p,grassroots,update,daily_cells,allow\n"
NOT_TOLD = frozenset({"not_responsible", "duty_conflict", "approval_needed"})
"""Refusals that may rest on the persons an edit names, which the entry of a refusal does not hold."""
CONTROLLED = 2_000


@dataclass
class State:
    """A county in which somebody suspends and resumes the grants of villages all the time."""

    client: Client
    villages: list[Village]
    dice: random.Random
    admin: str
    auditor: str
    grants: dict[str, int]
    people: list[str]
    resting: set[str] = field(default_factory=set)

    def village(self, code: str) -> Village:
        return next(each for each in self.villages if each.code == code)

    def tokens(self, village: Village) -> list[str]:
        return [f"h-b{village.code[6:]}-{number}" for number in range(HOUSES)]

    def stir(self, code: str | None = None) -> str:
        """The grant of this or some village rests, or goes on; the code of the village."""
        code = code or self.dice.choice(sorted(self.grants))
        step, other = ("resumption", self.resting.discard) if code in self.resting else ("suspension", self.resting.add)
        place = f"/v1/grants/{self.grants[code]}"
        etag = self.client.get(self.admin, place).headers["etag"]
        done(self.client.ask(self.admin, "POST", f"{place}/{step}", {"reason": "工作安排调整"}, if_match=etag))
        other(code)
        return code

    def wish(self, village: Village) -> dict[str, object]:
        """An edit somebody might try, mostly one that is permitted."""
        dice, near = self.dice, self.dice.choice(self.villages).code
        told = edit(village, dice.randrange(HOUSES)) | {
            "operation": dice.choice(["collect", *["update"] * 4, "verify", "delete"])
        }
        told |= {
            "quarter": dice.randint(1, 4),
            "cell": dice.choice([*["monitored.income"] * 6, "lifted_out.income", "monitored.base"]),
        }
        told |= {"data_year": time.localtime().tm_year - dice.choice([0, 0, 0, 0, 0, 1])}
        told |= {"division": dice.choice([*[village.code] * 9, near])}
        if told["operation"] == "verify":
            told["responsibility"] = {}
        return told if told["cell"] == "monitored.income" else told | {"changes": []}


def main() -> int:
    """Play, compare, print; 1 if anything differs or a control stays silent."""
    folder = Path(tempfile.mkdtemp(prefix="mandate-promises-"))
    try:
        with service(folder, "1") as (port, _):
            signer = founding.signer(folder / "keys", founding.DEMO)
            with Client(f"http://127.0.0.1:{port}", signer) as client:
                state = begun(client)
                recorded(state)
                lists = listed(state)
        replayed = explained(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return int(not (lists and replayed))


def begun(client: Client) -> State:
    villages = authority.granted(client, int(time.time()) % 90_000 + 1)
    admin, auditor = authority.first(client, "county_admin", COUNTY), authority.first(client, "auditor", "64")
    grants = {}
    for each in villages:
        rows = done(client.get(admin, f"/v1/grants?holder=u-{each.code}-village&limit=100"))["items"]
        grants[each.code] = max(row["id"] for row in rows)
    people = [row["id"] for row in done(client.get(auditor, "/v1/people?limit=1000"))["items"]]
    return State(client, villages, random.Random(1), admin, auditor, grants, people)  # noqa: S311 a state is drawn


# --- P14 ------------------------------------------------------------------------------------------------------------
Asked = tuple[str, dict[str, Any], dict[str, dict[str, Any]]]


def listed(state: State) -> bool:
    """Searches in every direction against the questions about all candidates, while grants come to rest and go on."""
    began, compared, wrong, stale, hits = time.monotonic(), 0, 0, 0, 0
    while compared < ENOUGH:
        village = state.village(state.stir())
        for sought, body, items in questions(state, village):
            found = search(state, sought, body)
            rest = {each: item(sought, body, each) for each in found if each not in items}
            wrong += sorted(set(found) & set(items)) != yes(state, body, items) or sorted(rest) != yes(
                state, body, rest
            )
            compared, hits = compared + len(items) + len(rest), hits + len(found)
            if sought == "subject":
                # The control: the list as it was before the village's grant came to rest, or went on.
                state.stir(village.code)
                stale += sorted(found) != yes(state, body, items)
    seconds = time.monotonic() - began
    print(
        f"P14: {compared:,} compared, {hits:,} listed, {wrong} wrong; control: {stale} stale lists noticed; {seconds:.0f} s"
    )
    return not wrong and stale > 0


def questions(state: State, village: Village) -> Iterator[Asked]:
    """Who may do something there, to which households somebody may do it, and what he may do to one."""
    dice, year = state.dice, time.localtime().tm_year
    cell, token = (
        dice.choice(["monitored.income", "lifted_out.income"]),
        f"h-b{village.code[6:]}-{dice.randrange(HOUSES)}",
    )
    operation = dice.choice(OPERATIONS)
    said = {"division": village.code, "data_year": year} if dice.random() < 0.9 else {"data_year": year - 1}
    action, resource = {"name": operation}, {"type": cell, "id": token, "properties": said}
    subject = {"type": "person", "id": village.collector}
    one: dict[str, Any] = {"subject": subject, "action": action, "resource": resource}
    yield "resource", one, {each: item("resource", one, each) for each in state.tokens(village)}
    yield "action", one, {each: item("action", one, each) for each in (*OPERATIONS, "delete", "review", "export")}
    yield "subject", one, {each: item("subject", one, each) for each in state.people}


def item(sought: str, body: dict[str, Any], candidate: str) -> dict[str, Any]:
    """The question about one candidate."""
    if sought == "action":
        return {"action": {"name": candidate}}
    return {sought: body[sought] | {"id": candidate}}


def search(state: State, sought: str, body: dict[str, Any]) -> list[str]:
    """All pages of a search."""
    found, page = list[str](), dict[str, Any]()
    while True:
        told = done(state.client.ask(state.auditor, "POST", f"/access/v1/search/{sought}", body | {"page": page}))
        found += [each.get("name") or each["id"] for each in told["results"]]
        if not told["page"]["next_token"]:
            return found
        page = {"token": told["page"]["next_token"]}


def yes(state: State, body: dict[str, Any], items: dict[str, dict[str, Any]]) -> list[str]:
    """Those candidates that are answered yes, asked one by one in a batch."""
    if not items:
        return []
    names = list(items)
    asked = body | {"evaluations": [items[each] for each in names]}
    told = done(state.client.ask(state.auditor, "POST", "/access/v1/evaluations", asked))["evaluations"]
    return sorted(name for name, each in zip(names, told, strict=True) if each["decision"])


# --- P22 ------------------------------------------------------------------------------------------------------------
def recorded(state: State) -> None:
    """Edits of every kind, permitted and refused, until enough decisions stand in the log."""
    began, entered, codes = time.monotonic(), set[int](), Counter[str]()
    while len(entered) < ENOUGH:
        village = state.village(state.dice.choice([*state.grants]))
        asked = [state.wish(village) for _ in range(BATCH)]
        told = done(state.client.ask(village.collector, "POST", "/v1/edits/batch", asked))["results"]
        entered |= {each["entry"] for each in told if each.get("entry") is not None}
        codes.update(each.get("code", "permitted") for each in told)
        if state.dice.random() < 1 / 3:
            state.stir()
    print(f"recorded: {len(entered):,} decisions in {time.monotonic() - began:.0f} s: {dict(codes.most_common())}")


def explained(folder: Path) -> bool:
    """Every recorded decision made again on what was on record then, under the law of its time."""
    with visited(Settings.read({"MANDATE_DATA": str(folder)})) as database, database.engine.connect() as connection:
        lawbook, began = policies.open_lawbook(FOLDER), time.monotonic()
        law = lawbook.on_record(connection)
        files = policies.files(FOLDER)
        made = policy.parse({**files, "roles.csv": files["roles.csv"].replace(RULE.encode(), b"#\n")})
        flipped = replace(law, policy=made, rule=Rule.compile(made))
        count, wrong, unclear, noticed = 0, 0, 0, 0
        for each in decisions(connection):
            rows = replay.before(connection, each)
            same = redecision.explained(each, rows, law)
            unclear += not same and each.code in NOT_TOLD
            wrong += not same and each.code not in NOT_TOLD
            noticed += count < CONTROLLED and same and not redecision.explained(each, rows, flipped)
            count += 1
    seconds = time.monotonic() - began
    print(f"P22: {count:,} decided again, {wrong} unexplained, {unclear} whose entry does not hold all that was asked; "
          f"control: {noticed} of {CONTROLLED:,} noticed; {seconds:.0f} s")  # fmt: skip
    return not wrong and noticed > 0


def decisions(connection: Connection) -> Iterator[Decided]:
    """The recorded decisions on edits, in order, a page at a time."""
    at, page = -1, True
    while page:
        query = text(
            "SELECT number, bytes FROM entry WHERE number > :at AND kind IN ('EditPermitted', 'Refused') ORDER BY number LIMIT 2000"
        )
        page = connection.execute(query, {"at": at}).all()
        for row in page:
            at = row.number
            found = replay.decision(entries.parse(bytes(row.bytes)))
            if found is not None:
                yield found


if __name__ == "__main__":
    sys.exit(main())
