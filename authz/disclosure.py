"""Disclosure: a telephone number is shown in full. Everywhere else it stands under its one mask (`authz/identifier.py`).

The number lies in the vault and nowhere else. On record is whose number was shown to whom, where and why, before it
was shown; each showing is its own record. Whoever asks for his own needs no role (PIPL 45), and is on record too.
"""

from __future__ import annotations

from typing import Final

from authz import refusal
from authz.fact import Fact

ACT: Final = "people.reveal"


class TelephoneShown(Fact):
    """The telephone of `person_id` was shown in full to whoever acts, in the division he may do so. `reason` is a
    commitment."""

    authority = False
    person_id: str
    division: str
    reason: str


def show(person: str, division: str, reason: str, *, kept: bool) -> TelephoneShown:
    """The fact that it is shown; `kept` says whether there is a number at all."""
    if not kept:
        raise refusal.WrongState(
            "此人没有登记电话，或其电话已依法擦除，无从查看；请通过其所在单位联系", missing="telephone"
        )
    return TelephoneShown(person_id=person, division=division, reason=reason)
