"""Households: where one lives is a matter of record, not of the caller's word.

A household is an opaque token bound to a village and a population. It is loaded by its own act, or bound by the first
permitted edit that names it, and moved only with the acceptance of the receiving side. Otherwise a cadre could edit a
neighbour's household by claiming it lived in the cadre's own village.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from authz import duty
from authz.division import Divisions
from authz.fact import Amend, Change, Fact, Put, Where
from authz.refusal import AlreadyRegistered, DutyConflict, Unacceptable, WrongHousehold, WrongState

POPULATIONS = ("lifted_out", "monitored")


class HouseholdsLoaded(Fact):
    """Households are on the register. Each item is [token, division, population]."""

    division: str
    households: tuple[tuple[str, ...], ...]

    def changes(self, where: Where) -> tuple[Change, ...]:
        return tuple(_bound(token, division, population) for token, division, population in self.households)


class HouseholdMoveAsked(Fact):
    """A household is to move to another village; nothing changes until the receiving side accepts."""

    authority = True
    household: str
    division: str
    to: str
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("household", (self.household,), {"moving_to": self.to, "move_asked_by": where.person}),)


class HouseholdMoved(Fact):
    """The receiving side accepted: the household lives in `division` from this entry on."""

    household: str
    division: str
    left: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        values = {"division": self.division, "moving_to": None, "move_asked_by": None}
        return (Amend("household", (self.household,), values),)


class HouseholdMoveWithdrawn(Fact):
    """The side that asked for the open move took its wish back; the household stays. `reason` is a commitment."""

    household: str
    division: str
    to: str
    reason: str

    def changes(self, where: Where) -> tuple[Change, ...]:
        return (Amend("household", (self.household,), {"moving_to": None, "move_asked_by": None}),)


@dataclass(frozen=True, slots=True)
class Household:
    token: str
    division: str
    population: str
    moving_to: str | None = None
    move_asked_by: str | None = None


def _bound(token: str, division: str, population: str) -> Put:
    values = {"division": division, "population": population, "moving_to": None, "move_asked_by": None}
    return Put("household", (token,), values, first=True)


def bind(token: str, division: str, cell: str) -> Put:
    """The register change of a first permitted edit."""
    return _bound(token, division, population(cell))


def population(cell: str) -> str:
    """`monitored` of `monitored.income`."""
    return cell.partition(".")[0]


BINDING = ("collect", "update", "query", "export")
"""What may be done about a household nobody has recorded yet; reading does not put it on the register."""


def check(known: Household | None, division: str, cell: str, level: str, operation: str = "collect") -> None:
    """Refuse an edit whose household lives elsewhere, is of the other population, or cannot be bound to a village."""
    if known is None:
        if operation not in BINDING:
            raise WrongHousehold("该户尚未登记，没有可核实、审核或处理的数据，请先采集录入", missing="household")
        if level != "village":
            raise WrongHousehold("该户尚未登记，首次录入须填写 12 位村级区划代码", missing="household")
        return
    if known.division != division:
        raise WrongHousehold("该户登记在其他行政区划，请核对所在村，确已迁居的请先办理迁移", missing="household")
    if known.population != population(cell):
        raise WrongHousehold("该户登记的人口类别与所填数据类别不一致，请核对是脱贫户还是监测对象", missing="household")


MOST_IN_FACT = 1000
_ROOM = 60_000


def load(
    wanted: Sequence[Household], side: str, known: Mapping[str, Household], divisions: Divisions
) -> tuple[HouseholdsLoaded, ...]:
    """The facts that bind these households, at most a thousand in each; those already bound so are left out.

    One bound elsewhere, or to the other population, stops the whole load: it has to be moved, not claimed.
    """
    if any(divisions.get(each.division).level != "village" for each in wanted):
        raise Unacceptable("农户所在地应为 12 位村级区划代码，请逐行核对", missing="division")
    taken = sum(
        (known[each.token].division, known[each.token].population) != (each.division, each.population)
        for each in wanted if each.token in known
    )  # fmt: skip
    if taken:
        raise AlreadyRegistered(
            f"有 {taken} 户已登记在其他地方或其他人口类别，请办理迁移；本次未导入任何一户", count=taken
        )
    rows = [(each.token, each.division, each.population) for each in wanted if each.token not in known]
    parts: list[list[tuple[str, ...]]] = [[]]
    size = 0
    for row in rows:
        # An entry has 65,535 bytes: quotes, commas and brackets of a row take eleven.
        size += sum(map(len, row)) + len('["","",""],')
        if len(parts[-1]) == MOST_IN_FACT or size > _ROOM:
            parts.append([])
            size = sum(map(len, row)) + len('["","",""],')
        parts[-1].append(row)
    return tuple(HouseholdsLoaded(division=side, households=tuple(part)) for part in parts)


def ask_move(known: Household, to: str, reason: str) -> HouseholdMoveAsked:
    """A move is asked for. A household already on the move, or already there, is refused."""
    if known.moving_to is not None:
        raise WrongState("该户已有待接收的迁移，请先由接收地确认")
    if known.division == to:
        raise Unacceptable("该户已登记在此村，无需迁移")
    return HouseholdMoveAsked(household=known.token, division=known.division, to=to, reason=reason)


def consents(known: Household, left: bool, to: bool) -> tuple[str, ...]:
    """The sides whose consent is still missing. `left` and `to` say for which of them the asker could speak; whoever
    could speak for the side that holds the household asked in its name."""
    if known.moving_to is None or left:
        return (known.moving_to or known.division,)
    return (known.division,) if to else (known.division, known.moving_to)


def asking_side(known: Household, left: bool, to: bool) -> str:
    """In whose name an open move was asked for; `left` and `to` as in `consents`. Whose hand nobody can place any more
    asked for the side that holds the household."""
    if known.moving_to is None:
        return known.division
    return known.moving_to if to and not left else known.division


def withdraw_move(known: Household, reason: str) -> HouseholdMoveWithdrawn:
    """The open move is taken back; whose it was to take back has been asked before."""
    if known.moving_to is None:
        raise WrongState("该户没有待接收的迁移，无需撤回")
    return HouseholdMoveWithdrawn(
        household=known.token, division=known.division, to=known.moving_to, reason=reason
    )  # fmt: skip


def accept_move(known: Household, asker: str | None, hands: Collection[str]) -> HouseholdMoved:
    """The receiving side takes the household over; `asker` is a natural person and none of the receiving hands."""
    if known.moving_to is None:
        raise WrongState("该户没有待接收的迁移")
    must_be_two(asker, hands)
    return HouseholdMoved(household=known.token, division=known.moving_to, left=known.division)


def must_be_two(asker: str | None, hands: Collection[str]) -> None:
    """Refuse whoever, under whatever account or for whomever he stands in, asked for the move himself."""
    if asker is None or asker in hands:
        raise DutyConflict("迁移的申请人不得自己接收，请由另一方的同志办理", missing="duty")
    if not all(map(duty.known, (asker, *hands))):
        told = "申请迁移与接收的人须为两个人，双方有人没有登记身份证件号码，请先登记身份证件号码再办理"
        raise DutyConflict(told, missing="identity")
