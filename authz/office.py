"""Offices: the roles on which the rest leans, and what is asked of whoever holds one."""

from __future__ import annotations

from typing import Final

from authz import duty, refusal

OFFICERS: Final = ("system_admin", "security_admin", "audit_admin")
"""The three officers: appointed by two persons together (`authz/officer.py`), never by anybody alone."""

IDENTIFIED: Final = (*OFFICERS, "region_approver", "region_handler", "county_signatory", "auditor")
"""Roles that keep others in check, held only by a human being who is known: of another account nobody can tell whether
it is a second one of somebody who must not hold the role."""

LEADING: Final = ("county_admin", "township_admin", *OFFICERS)
"""Roles without which a unit can no longer be run: the last holder cannot remove himself."""


def must_be_known(natural: str, role: str) -> None:
    """Refuse an account without an identity number where the role needs one."""
    if role in IDENTIFIED and not duty.known(natural):
        raise refusal.UnfitHolder(
            "此角色须由登记了身份证件号码的人员担任：请先登记其身份证件号码（POST /v1/people/{id}/identity），再任岗",
            missing="identity",
        )
