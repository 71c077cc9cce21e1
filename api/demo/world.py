"""The demo world: Tongxin County with its people, villages and households, written once through the log.

    part 1         the bodies
    parts 2 ...    people with their posts, a hundred at a time
    then           the households of one township after another

Each part is one transaction that ends with `WorldPlanted`, so an interrupted first start goes on where it stopped.
Requests, grants and edits are left to those who play with it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

from api import founding, pep
from api.database import Database
from api.demo.world_bodies import Body, bodies, townships
from api.demo.world_names import Dice, draw
from api.demo.world_people import Holder, holders
from api.founding import Deed
from audit.lawbook import Lawbook
from audit.ledger import Ledger
from authz.division import Division, Divisions
from authz.fact import Fact
from authz.founding import WorldPlanted
from authz.household import HouseholdsLoaded
from authz.post import PersonRegistered, PostAssigned

Progress = Callable[[int, int], None]
AT_ONCE = 100
MOST = 1_000
"""Households in one entry."""
EXAMPLE = ("h-9f2c", "640324100201", "monitored")
"""The household of the contract's example."""
RURAL, URBAN = (38, 32), (4, 9)
"""Households of a village and of a neighbourhood: at least so many, and up to so many more."""
MONITORED = 5
"""One household in so many is monitored."""


def plant(database: Database, book: Lawbook, pseudonym: bytes, progress: Progress) -> bool:
    """Write what is missing of the demo world; whether anything was."""
    with founding.alone(database) as charter:
        done, _, total = charter.get("world", "0/").partition("/")
        if done == total:
            return False
        parts = list(_parts(book.law.divisions, pseudonym))
        ledger = Ledger(database.engine, book, patience=120.0)
        ledger.start()
        try:
            for part, deeds in enumerate(parts[int(done) :], start=int(done) + 1):
                _record(ledger, [*deeds, _deed(WorldPlanted(part=part, parts=len(parts)))])
                progress(part, len(parts))
        finally:
            ledger.stop()
    return True


def _record(ledger: Ledger, deeds: Sequence[Deed]) -> None:
    for each in ledger.submit(deeds):
        assert isinstance(each.future, Future)
        each.future.result()


def _parts(divisions: Divisions, pseudonym: bytes) -> Iterator[list[Deed]]:
    yield [_established(bodies(divisions))]
    everybody = holders(divisions)
    for begin in range(0, len(everybody), AT_ONCE):
        yield [_employed(each, pseudonym) for each in everybody[begin : begin + AT_ONCE]]
    for town in townships(divisions):
        living = tuple(households(town, divisions))
        loads = (living[begin : begin + MOST] for begin in range(0, len(living), MOST))
        yield [_deed(HouseholdsLoaded(division=town.code, households=each)) for each in loads]


def _deed(*facts: Fact) -> Deed:
    return Deed(ref=secrets.token_hex(16), facts=facts)


def _established(found: Sequence[Body]) -> Deed:
    return _deed(*(each.fact for each in found))


def _employed(holder: Holder, pseudonym: bytes) -> Deed:
    """A person with his post. The log learns a token and commitments; name and telephone lie in the vault."""
    person = draw(holder.person)
    sealed, commitments = pep.seal({"/name": person.name, "/phone": person.phone})
    facts = (
        PersonRegistered(
            person_id=holder.person, natural=founding.natural(pseudonym, person.identity_number),
            name=commitments["/name"], phone=commitments["/phone"],
        ),
        PostAssigned(
            person_id=holder.person, post_unit=holder.unit, division=holder.division, role=holder.role, title=holder.title,
            valid_from=holder.since, valid_until=holder.until,
        ),
    )  # fmt: skip
    return Deed(ref=secrets.token_hex(16), facts=facts, sealed=sealed)


def households(town: Division, divisions: Divisions) -> Iterator[tuple[str, ...]]:
    """Token, village and population of every household of a township."""
    for village in divisions.children(town.code):
        dice = Dice(village.code)
        least, more = URBAN if "居委会" in village.name else RURAL
        if village.code == EXAMPLE[1]:
            yield EXAMPLE
        for place in range(least + dice.below(more)):
            token = hashlib.sha256(f"{village.code}/{place}".encode()).hexdigest()[:12]
            yield f"h-{token}", village.code, "monitored" if dice.below(MONITORED) == 0 else "lifted_out"
