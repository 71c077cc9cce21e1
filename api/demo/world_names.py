"""Names and numbers of the demo world's people: drawn, the same at every start, and nobody's.

The identity numbers carry the area 640399, which no division of Ningxia ever had, so that no living person has one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeVar

T = TypeVar("T")
AREA = "640399"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_FIRST_BIRTH, _BIRTH_DAYS = date(1966, 1, 1), 13_000

# The surnames of the place, the frequent ones more than once.
SURNAMES = tuple(
    "马马马马马马马杨杨杨丁丁丁周周李李王王张张白白金金罗罗田田买锁黑纳穆冯苏杜何贺余康顾满禹兰海哈虎吴洪石范赵刘陈"
)
MEN = (
    "成义", "彦龙", "永福", "玉宝", "少华", "生福", "进财", "耀武", "建军", "志远", "学文", "小平", "文斌", "占林", "国栋", "正海", "光明",
    "宗义", "吉祥", "克俭", "德全", "万福", "存良", "登科", "兴旺", "义忠", "晓峰", "立新", "伟东", "海龙", "振华", "自成", "如山", "百胜",
)  # fmt: skip
WOMEN = (
    "秀英", "玉兰", "小梅", "海燕", "晓娟", "桂花", "彩霞", "秀芳", "雪梅", "丽娜", "月琴", "淑珍", "文静", "小霞", "金花", "玉琴", "翠萍",
    "佳慧", "晓燕", "红霞", "春梅", "雅婷", "凤兰", "丽萍", "爱玲", "思雨", "银花", "玉凤", "娟", "燕", "静", "丽", "霞", "梅",
)  # fmt: skip


@dataclass
class Dice:
    """A sequence of numbers that depends on its seed alone."""

    seed: str
    _thrown: int = field(default=0)

    def below(self, limit: int) -> int:
        """The next number from 0 to limit - 1."""
        self._thrown += 1
        return int.from_bytes(hashlib.sha256(f"{self.seed}/{self._thrown}".encode()).digest()[:8], "big") % limit

    def pick(self, among: Sequence[T]) -> T:
        """The next choice."""
        return among[self.below(len(among))]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A person who does not exist."""

    name: str
    identity_number: str
    phone: str


def draw(person: str) -> Drawn:
    """The person behind this id."""
    dice = Dice(person)
    woman = dice.below(5) < 2  # noqa: PLR2004 two in five
    name = dice.pick(SURNAMES) + dice.pick(WOMEN if woman else MEN)
    born = _FIRST_BIRTH + timedelta(days=dice.below(_BIRTH_DAYS))
    serial = int(person.removeprefix("p-")) % 500 * 2 + (0 if woman else 1)
    body = f"{AREA}{born:%Y%m%d}{serial:03}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return Drawn(name, body + _CHECKS[total % 11], f"1390953{dice.below(10_000):04}")
