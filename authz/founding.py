"""The founding of a log: whose it is, under which rules, divisions and calendars it decides, and who came first.

What is in force lies in the register table `charter` under these names:

    origin         the name of the log, for ever
    purpose        `service`, or `practice` where nothing is real and tokens are printed for anybody
    policy         digest of the policy set; a process that has loaded another one refuses to write
    edition        division edition and its digest
    calendar       digest of the working-day calendars
    log_key        the public key that signs checkpoints
    administrator  the person admitted by the one-time code
    world          how far the demo world is written, `3/9`; absent in a log that has no demo world
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from authz import refusal
from authz.fact import Change, Fact, Put, Where

_NOWHERE = Where(0, datetime.min.replace(tzinfo=UTC))


class LogOpened(Fact):
    """The log exists, under this name and for this purpose, both for ever."""

    origin: str
    purpose: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (_charter("origin", self.origin), _charter("purpose", self.purpose))


class PolicyLoaded(Fact):
    """From this entry on the log decides by the policy set of this digest."""

    policy: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (_charter("policy", self.policy),)


class EditionLoaded(Fact):
    """From this entry on the divisions of this edition hold; `count` is how many there are."""

    edition: str
    sha256: str
    count: int

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (_charter("edition", f"{self.edition} {self.sha256}"),)


class CalendarLoaded(Fact):
    """From this entry on deadlines are counted by the calendars of this digest."""

    sha256: str
    layers: tuple[str, ...]

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (_charter("calendar", self.sha256),)


class WorldPlanted(Fact):
    """One part of the demo world is written, out of so many."""

    authority = False
    part: int
    parts: int

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (_charter("world", f"{self.part}/{self.parts}"),)


class CodeShown(Fact):
    """A one-time code for the first administrator was shown on the console; it holds until `valid_until`."""

    authority = False
    valid_until: str


class AdministratorAdmitted(Fact):
    """The first administrator was admitted by the one-time code, which is used up with this."""

    person_id: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (_charter("administrator", self.person_id),)


class TokenHanded(Fact):
    """The bootstrap administrator handed a person a token that ends at `valid_until`."""

    person_id: str
    jti: str
    valid_until: str


def _charter(name: str, value: str) -> Put:
    return Put("charter", (name,), {"value": value})


def missing(charter: Mapping[str, str], wanted: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """Those of the facts whose content is not what the charter says already."""
    return tuple(
        fact for fact in wanted
        if any(isinstance(each, Put) and charter.get(each.key[0]) != each.values["value"] for each in fact.changes(_NOWHERE))
    )  # fmt: skip


def same_log(charter: Mapping[str, str], opened: LogOpened) -> None:
    """Refuse to go on with a log of another name or purpose: proofs held by others speak of the first one."""
    if charter.get("purpose", opened.purpose) != opened.purpose:
        raise refusal.Closed(
            "演示数据与正式数据不能混用：演示请用 mandate run，正式服务请用 mandate serve，并分别指定数据目录或数据库"
        )
    if charter.get("origin", opened.origin) != opened.origin:
        raise refusal.Closed("数据库中日志的名称与 MANDATE_ORIGIN 不一致，请核对数据库地址或改回原来的名称")
