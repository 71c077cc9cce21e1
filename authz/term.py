"""The longest term: for how many days at most authority is asked for, decided, opened or handed on (local).

`longest_term_days` of handling.toml; 0 or absent sets no limit. Whoever needs longer renews (`authz/renewal.py`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from authz import refusal
from authz.policy import PolicySet

LONGEST: Final = "longest_term_days"
DAY: Final = timedelta(days=1)


def longest(policy: PolicySet) -> int | None:
    """The number of days, or None where there is no limit."""
    setting = policy.handling.get(LONGEST)
    return setting.value if setting is not None and setting.value > 0 else None


def exceeds(policy: PolicySet, begin: datetime, end: datetime) -> bool:
    """Whether an interval is longer than any may be."""
    most = longest(policy)
    return most is not None and end - begin > most * DAY


def days(begin: datetime, end: datetime) -> int:
    """How many days an interval takes, a begun one counted whole."""
    return -((begin - end) // DAY)


def words(policy: PolicySet) -> str:
    """What is said of an interval that is too long."""
    return f"授权期限最长 {longest(policy)} 天（本地设定 {LONGEST}），请缩短起止时间，到期前可以申请延期"


def must_fit(policy: PolicySet, begin: datetime, end: datetime, pointer: str) -> None:
    """Refuse an interval that is longer than any may be."""
    if exceeds(policy, begin, end):
        told = words(policy)
        raise refusal.Unacceptable(told, missing="until", pointers=[{"pointer": pointer, "message": told}])
