"""What a policy set must say beyond being well formed: the demands of the notice, and the way back out.

`faults` are reasons to refuse a set: with it the service would break the notice, seat somebody above everybody, or lock
the door through which its own rules are changed. `warnings` are for the reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from authz import clash, erasure, kin, power
from authz.difference import Right, rights
from authz.office import OFFICERS
from authz.policy import MOST_DEPTH, Duty, PolicySet
from authz.remark import Remark

_YEAR, _CENTURY, _MANY = 366, 36_500, 1_000_000
NUMBERS: Final = {
    "approval_days": (1, _YEAR), "checkpoint_seconds": (1, 10), "delegation_depth": (1, MOST_DEPTH),
    "department_staff": (1, _MANY), "deputy_days": (1, _YEAR), "heartbeat_seconds": (1, 86_400),
    "idempotency_hours": (1, 24 * _YEAR), "intake_days": (1, _YEAR), "intake_warn_first": (1, _YEAR),
    "intake_warn_second": (1, _YEAR), "lead_staff": (2, _MANY), "log_sm3": (0, 1),
    "witness_lag_entries": (1, 1_000 * _MANY), "witness_lag_seconds": (1, 86_400 * _YEAR),
} | {name: (least, _CENTURY) for name, least in erasure.LEAST.items()}  # fmt: skip
"""The numbers without which the running program could not go on, each with the least and the most it can work with."""
CHOICES: Final = {
    "access_requests": (0, 1), "edition_ahead_days": (0, 10 * _YEAR), "handling_days": (0, _CENTURY), "lapse_notice_days": (0, _CENTURY), "request_expiry_days": (0, _CENTURY),
    "longest_term_days": (0, _CENTURY), "renewal_grace_days": (0, _CENTURY),
    "skip_level_copy": (0, 1), "staffing_consequence": (0, 1),
}  # fmt: skip
"""Numbers that may be left out; where one stands, it keeps these limits."""
ROLES: Final = frozenset({
    "region_handler", "region_approver", "city_observer", "county_clerk", "county_signatory", "county_admin",
    "department_officer", "township_admin", "township_reviewer", "village_collector", "first_secretary",
    "grid_worker", "assistance_person", "auditor", *OFFICERS,
})  # fmt: skip
"""The roles that can be asked for and on which the steps of a request and the offices rest."""
KEPT: Final = ("roles", "cells", "operations", "unit_kinds", "grounds")
"""Words that entries, grants and posts on record are told in: a later set may take rights away, never these."""
_REGION: Final = frozenset({"region"})
_COUNTY: Final = frozenset({"county"})
_USUAL: Final = (
    ("record", "collect", "verify", "同一记录的采集人与核实人", "S09"), ("record", "update", "verify", "同一记录的更新人与核实人", "S09"),
    ("household", "update", kin.MEMBER, "办理人与本人或亲属家庭的数据", "M8"),
    ("grant", "grant.delegate", "holder", "转授人与本人所持的转授授权", "local"),
)  # fmt: skip
_HANDING, _HOLDING = frozenset({"grant.delegate"}), frozenset({"holder"})
PAIRS: Final = ("primary_deputy",)
"""Duties that are asked for by their code."""


def faults(policy: PolicySet) -> tuple[Remark, ...]:
    """Why this set may not be adopted; empty if it may."""
    if not policy.catalogue.grants:
        return (Remark("catalogue.toml", "grants 应为 true：没有授权的规则只能用于测试", "grants must be true", "S30"),)
    allowed = rights(policy)
    return tuple(
        remark for check in (_region_decides, _county_applies, power.faults, _nobody_above, _named, _way_back, _duties, _numbers)
        for remark in check(policy, allowed)
    )  # fmt: skip


def gone(before: PolicySet, policy: PolicySet) -> tuple[Remark, ...]:
    """The words of the set in force that this one no longer knows; what is on record could not be told any more."""
    return tuple(
        Remark(
            "catalogue.toml", f"不能去掉 {word}：已有记录用到它，可改为取消其权限", f"{word} stands on record", "S10"
        )
        for section in KEPT
        for word in sorted({*getattr(before.catalogue, section)} - {*getattr(policy.catalogue, section)})
    )


def warnings(policy: PolicySet) -> tuple[Remark, ...]:
    """What a reader should look at twice."""
    allowed, words = rights(policy), policy.catalogue
    unused = sorted({*words.roles} - {role for role, _, _ in allowed})
    return (
        *(Remark("roles.csv", f"角色 {role} 没有任何权限", f"role {role} may do nothing", "local") for role in unused),
        *_unbounded(policy),
        *_idle(policy, allowed),
        *_bare(policy),
    )


def _bare(policy: PolicySet) -> Iterator[Remark]:
    """What a set usually keeps apart, in whatever strength, and this one does not at all."""
    for kind, left, right, zh, clause in _USUAL:
        rows = (each for each in policy.duties.values() if each.kind == kind)
        if not any(
            (left in each.left and right in each.right) or (left in each.right and right in each.left) for each in rows
        ):
            yield Remark("duties.csv", f"没有一行把{zh}分开", f"nothing keeps {left} apart from {right}", clause)


def _unbounded(policy: PolicySet) -> Iterator[Remark]:
    words = policy.catalogue
    if not words.remits.roles:
        zh = "没有 [departments]：行业部门凭授权可填写所有指标"
        yield Remark("catalogue.toml", zh, "no departments: their officers may write every field", "S07")
    for each in words.operations.values():
        if each.high_risk and each.writes and not each.grounds:
            zh = f"高风险操作 {each.name} 没有限定事由"
            yield Remark("catalogue.toml", zh, f"{each.name} is high risk and may be asked for on any ground", "local")


def _idle(policy: PolicySet, allowed: frozenset[Right]) -> Iterator[Remark]:
    """Fields of a department that its officers can never write, because no row of roles.csv opens the cell to them."""
    words, writing = policy.catalogue, {each.name for each in policy.catalogue.operations.values() if each.writes}
    open_ = {
        words.cells[object].module for role, act, object in allowed
        if role in words.remits.roles and act in writing and object in words.cells
    }  # fmt: skip
    for kind, module in sorted(words.remits.fields):
        if module not in open_:
            zh = f"[departments] {kind} 的 {module} 不起作用：该角色不能填写这个模块"
            yield Remark(
                "catalogue.toml", zh, f"{kind} lists fields of {module}, which its role may not write", "local"
            )


def _who(allowed: frozenset[Right], act: str, object: str) -> set[str]:
    return {role for role, verb, noun in allowed if (verb, noun) == (act, object)}


def _on(policy: PolicySet, allowed: frozenset[Right], acts: tuple[str, ...], object: str, levels: frozenset[str],
        zh: str, clause: str) -> Iterator[Remark]:  # fmt: skip
    for act in acts:
        holders = _who(allowed, act, object)
        if not holders:
            yield Remark("roles.csv", f"没有角色可以{zh}（{act}, {object}）", f"nobody may {act} {object}", clause)
        for role in sorted(holders):
            if not policy.catalogue.roles[role].levels <= levels:
                yield Remark(
                    "roles.csv", f"角色 {role} 不得{zh}（{act}, {object}）", f"{role} may not {act} {object}", clause,
                    power.mark(policy, (role, act, object)),
                )  # fmt: skip


def _region_decides(policy: PolicySet, allowed: frozenset[Right]) -> Iterator[Remark]:
    yield from _on(policy, allowed, ("decide", "propose", "receive", "return"), "request", _REGION, "办理批复", "S32")
    yield from _on(policy, allowed, ("open", "close"), "window", _REGION, "开放或关闭统一授权", "S29")


def _county_applies(policy: PolicySet, allowed: frozenset[Right]) -> Iterator[Remark]:
    yield from _on(policy, allowed, ("draft", "sign"), "request", _COUNTY, "提出书面申请", "S31")


def _nobody_above(policy: PolicySet, allowed: frozenset[Right]) -> Iterator[Remark]:
    """No role holds both ends of a duty that blocks: it could never be done by two."""
    del allowed
    for duty in policy.duties.values():
        if duty.kind == "roles":
            for role in sorted(duty.left & duty.right):
                yield _on_row(duty, f"两侧都有角色 {role}", f"has {role} on both sides")


def _named(policy: PolicySet, allowed: frozenset[Right]) -> Iterator[Remark]:
    """Roles that the service asks for by name; and what no appointment and no grant may give."""
    words = policy.catalogue
    for role in sorted(ROLES ^ {*words.roles}):
        yield Remark(
            "catalogue.toml", f"角色 {role} 缺少，或不是服务所知的角色", f"role {role} is missing or unknown", "local",
            f"{role} = {{",
        )  # fmt: skip
    if "lead" not in words.unit_kinds:
        yield Remark("catalogue.toml", "缺少单位类别 lead", "unit kind lead is missing", "S26")
    for role in sorted({role for given in words.appoint.values() for role in given} & {*OFFICERS}):
        yield Remark(
            "catalogue.toml",
            f"三员须由两人共同任命，[appoint] 中不得有 {role}",
            f"[appoint] names {role}",
            power.CLAUSE,
            "[appoint]",
        )
    deciders = _who(allowed, "decide", "request") | _who(allowed, "open", "window") | {*OFFICERS}
    for role in sorted(words.delegable & deciders):
        yield Remark("catalogue.toml", f"角色 {role} 不得持有授权", f"{role} may hold no grant", "S34", "[delegation]")


def _way_back(policy: PolicySet, allowed: frozenset[Right]) -> Iterator[Remark]:
    """Somebody proposes, somebody else adopts, and somebody reads the log: else the rules could never be mended."""
    words, reads = policy.catalogue, _who(allowed, "read", "policy")
    proposers, adopters = _who(allowed, "propose", "policy"), _who(allowed, "adopt", "policy") & reads
    kinds = [kind for kind in words.unit_kinds.values() if "region" in kind.levels]
    given = {role for by in _who(allowed, "post", "people") for role in words.appoint.get(by, ())} | {*OFFICERS}
    regional = {name for name in given for kind in kinds if name in kind.roles and "region" in words.roles[name].levels}
    for holders, zh, en in ((proposers, "提出规则", "propose"), (adopters, "采用规则", "adopt")):
        if not holders & regional:
            yield Remark(
                "roles.csv",
                f"自治区没有角色可以{zh}，规则将再也无法更改",
                f"nobody of the region may {en} a policy",
                "local",
            )
    for role in sorted(proposers & adopters & regional):
        yield Remark(
            "roles.csv", f"角色 {role} 既能提出又能采用规则", f"{role} may both propose and adopt", "local",
            power.mark(policy, (role, "propose", "policy")),
        )  # fmt: skip
    for act, object, zh in (
        ("read", "log", "查阅记录"),
        ("post", "people", "任岗"),
        ("confirm", "division", "确认区划"),
        ("propose", "officer", "提出三员任命"),
        ("approve", "officer", "批准三员任命"),
        ("read", "officer", "查看三员任命"),
    ):
        if not _who(allowed, act, object):
            yield Remark("roles.csv", f"没有角色可以{zh}（{act}, {object}）", f"nobody may {act} {object}", "S35")


def _duties(policy: PolicySet, allowed: frozenset[Right]) -> Iterator[Remark]:
    """What the service itself relies on being kept apart."""
    for duty in policy.duties.values():
        yield from _heeded(duty)
    for code in PAIRS:
        if code not in policy.duties or policy.duties[code].kind != "pair":
            yield Remark("duties.csv", f"缺少 {code}，其类别应为 pair", f"{code} of kind pair is missing", "S26")
    business = {
        role for role, act, object in allowed if object in policy.catalogue.cells or (object in power.BUSINESS and act != "read")
    }  # fmt: skip
    others = sorted(business - {*OFFICERS})
    pairs = [*combinations(OFFICERS, 2), *((officer, role) for officer in OFFICERS for role in others)]
    for left, right in pairs:
        if not any(_parts(duty, "roles", left, right) for duty in policy.duties.values()):
            softer = (each.code for each in policy.duties.values() if _parts(each, "roles", left, right, each.strength))
            yield Remark(
                "duties.csv", f"{left} 与 {right} 须由不同的人担任", f"{left} and {right} must be apart", power.CLAUSE,
                next((f"{code}," for code in softer), ""),
            )  # fmt: skip
    for kind, left, right, clause in (
        ("request", "request.draft", "request.decide", "S32"),
        ("policy", "policy.propose", "policy.adopt", "local"),
    ):
        if not any(_parts(duty, kind, left, right) for duty in policy.duties.values()):
            yield Remark(
                "duties.csv", f"{left} 与 {right} 须由不同的人办理", f"{left} and {right} must be apart", clause
            )


def _heeded(duty: Duty) -> Iterator[Remark]:
    """What a row asks for and nothing heeds: such a row would do nothing, or refuse for ever. Everyday edits and reading
    take no look at who collected before, nor at approvals; an appointment takes none either."""
    everyday, sides = {*clash.COLLECTING, *clash.READING}, (duty.left, duty.right)
    if duty.kind in ("request", "policy", "pair") and duty.strength != "block":
        yield _on_row(duty, f"{duty.kind} 类的强度只能是 block，其他强度不起作用", "does nothing unless it blocks")
    if duty.kind == "grant" and (duty.strength != "trim" or sides != (_HANDING, _HOLDING)):
        zh = "grant 类只能写 grant.delegate、holder，强度只能是 trim，其他写法不起作用"
        yield _on_row(duty, zh, "does nothing unless it trims what is handed to oneself")
    if duty.kind == "roles" and duty.strength == "extra":
        yield _on_row(duty, "任岗不办理事先批准，roles 类的强度不能是 extra", "asks an approval of an appointment")
    if duty.kind == "household" and kin.MEMBER not in duty.left | duty.right:
        yield _on_row(duty, "household 类须有一侧写 member，否则不起作用", "does nothing without member")
    if duty.kind == "record" and any(side & {*clash.READING} for side in sides):
        zh = "查询和导出不与其他操作比较，record 类只能写会留下经手人的操作"
        yield _on_row(duty, zh, "compares reading, of which no hands are kept")
    if duty.kind == "record" and all(side & {*clash.COLLECTING} for side in sides):
        yield _on_row(duty, "采集、更新之间不作比较，两侧不能都写采集或更新", "compares collecting with collecting")
    if duty.kind in ("record", "household") and duty.strength == "extra" and any(side & everyday for side in sides):
        zh = "采集、更新、查询和导出不办理事先批准，强度不能是 extra"
        yield _on_row(duty, zh, "asks an approval of everyday work, which takes none")


def _on_row(duty: Duty, zh: str, en: str) -> Remark:
    return Remark("duties.csv", f"{duty.code}：{zh}", f"{duty.code} {en}", "local", f"{duty.code},")


def _parts(duty: Duty, kind: str, left: str, right: str, strength: str = "block") -> bool:
    joined = (left in duty.left and right in duty.right) or (right in duty.left and left in duty.right)
    return joined and duty.kind == kind and duty.strength == strength


def _numbers(policy: PolicySet, allowed: frozenset[Right]) -> Iterator[Remark]:
    del allowed
    for name in NUMBERS:
        if name not in policy.handling:
            yield Remark("handling.toml", f"缺少 {name}", f"{name} is missing", "local")
    for name, (least, most) in (NUMBERS | CHOICES).items():
        if name in policy.handling and not least <= policy.handling[name].value <= most:
            yield Remark(
                "handling.toml", f"{name} 应在 {least} 与 {most} 之间", f"{name} not within {least} and {most}",
                policy.handling[name].source, f"[{name}]",
            )  # fmt: skip
