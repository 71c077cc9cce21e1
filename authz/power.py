"""Powers: what one role of the region may not hold together, so that no set of rules seats somebody above everybody.

    approve    decides requests, opens windows, adopts rules            for one: the approver of the bureau
    appoint    registers people and gives them posts and tokens                  the system administrator
    legislate  proposes rules, asks for erasures                                 the security administrator
    audit      exports the log, decides findings and cases                       the auditor

A natural person holds one of the three offices and nothing else; that is worth nothing if a set gives one office what
makes the other two. So the powers are told apart by role, whichever row or group a right comes from. Of the three, the
audit administrator alone reads the log. Whoever audits changes nothing. Clauses: GB/T 22239-2019 (三权分立).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from authz.difference import Right
from authz.office import OFFICERS
from authz.policy import PolicySet
from authz.remark import Remark

CLAUSE: Final = "GB/T 22239-2019"
BUSINESS: Final = frozenset({"request", "grant", "window", "attachment", "household", "edit"})
POWERS: Final = {
    "审批": frozenset({("decide", "request"), ("open", "window"), ("adopt", "policy")}),
    "用人": frozenset({(act, "people") for act in ("register", "post", "transfer", "deputy", "token")}),
    "立规": frozenset({("propose", "policy"), ("ask", "erasure")}),
    "审计": frozenset({("export", "log"), ("decide", "finding"), ("decide", "case")}),
}
"""Each power by its Chinese name, with the acts that make it. A role of the region has one of them."""
READING: Final = ("read", "log")
AUDITING: Final = ("auditor", "audit_admin")
LOOKING: Final = frozenset({"read", "export", "replay", "ask", "staff"})
"""What changes nothing. Beside it an auditor says whether a finding holds, and officers appoint each other by two."""
_OWN: Final = frozenset({("decide", "finding"), ("decide", "case")})


def faults(policy: PolicySet, allowed: frozenset[Right]) -> Iterator[Remark]:
    """The rights by which a role would hold what has to be in several hands."""
    yield from _joined(policy, allowed)
    for role, act, object in sorted(allowed):
        if role in OFFICERS and _business(policy, act, object):
            yield _remark(policy, (role, act, object), "三员不得办理业务")
        elif role in AUDITING and _changes(policy, act, object) and not (role in OFFICERS and object == "officer"):
            yield _remark(policy, (role, act, object), "审计人员只能查看，不得办理")


def _joined(policy: PolicySet, allowed: frozenset[Right]) -> Iterator[Remark]:
    for role in sorted(policy.catalogue.roles):
        if "region" not in policy.catalogue.roles[role].levels:
            continue
        held = [(act, object) for holder, act, object in sorted(allowed) if holder == role]
        first: dict[str, tuple[str, str]] = {}
        for right in held:
            for power, acts in POWERS.items():
                if right in acts or (role in OFFICERS and power == "审计" and right == READING):
                    first.setdefault(power, right)
        for power in list(first)[1:]:
            told = f"自治区同一角色不得兼有{'、'.join(first)}（三权分立）"
            yield _remark(policy, (role, *first[power]), told)


def _business(policy: PolicySet, act: str, object: str) -> bool:
    """What the three officers touch nothing of; what they may read is another matter."""
    return object in policy.catalogue.cells or (object in BUSINESS and act != "read")


def _changes(policy: PolicySet, act: str, object: str) -> bool:
    if object in policy.catalogue.cells:
        return policy.catalogue.operations[act].writes
    return act not in LOOKING and (act, object) not in _OWN


def _remark(policy: PolicySet, right: Right, zh: str) -> Remark:
    role, act, object = right
    return Remark(
        "roles.csv", f"{zh}：{role}, {act}, {object}", f"{role} may not {act} {object}", CLAUSE, mark(policy, right)
    )


def mark(policy: PolicySet, right: Right) -> str:
    """How the row begins that gives this right, through whatever groups."""
    role, act, object = right
    giving = (
        f"p,{row.role},{row.act},{row.object},{row.eft}" for row in policy.rows
        if row.eft == "allow" and row.act == act and row.role in policy.roles[role] and row.object in policy.objects[object]
    )  # fmt: skip
    return next(giving, "")
