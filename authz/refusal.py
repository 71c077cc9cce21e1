"""Refusals: every way the service says no, as one tree of values with stable codes.

    recorded        Denied (a person lacks authority), Conflict (of state), Unacceptable (a rule forbids it)
    never recorded  Unreadable (no message), Misshapen (of wrong form), Unknown (absent or not yours: one answer), Stale
                    (an older version was looked at), Unconditional (no version said), Closed (cannot record: refuses)
    counted         Stranger (we do not know who asks), Throttled (too many questions)

`code` is the class name in snake case and never changes; `title` is Chinese and says what a person should do next.
A refusal carries no HTTP status: `api/problems.py` is the only map. Bugs are not refusals, they stay exceptions.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar


class Refusal(Exception):
    """A reasoned no. `detail` is a Chinese sentence; `members` are extra JSON-able facts for the answer."""

    code: ClassVar[str] = "refusal"
    title: ClassVar[str] = "不予办理"
    recorded: ClassVar[bool] = False

    def __init__(self, detail: str | None = None, **members: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.members = members

    def __init_subclass__(cls) -> None:
        cls.code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()


class Unreadable(Refusal):
    title = "请求内容无法解析，请检查报文格式后重新提交"


class DupKey(Unreadable):
    title = "报文中有重复的字段名，请只保留一个后重新提交"


class TooDeep(Unreadable):
    title = "报文嵌套层数过多，请按接口文档的格式提交"


class TooLarge(Refusal):
    title = "提交的内容超过允许的大小，请拆分后重新提交"


class HeadersTooLarge(Refusal):
    title = "请求头过多或过长，请精简后重新提交"


class UnsupportedType(Refusal):
    title = "不支持的内容类型，请以 application/json（UTF-8）提交"


class MethodNotAllowed(Refusal):
    title = "该地址不支持这种请求方式"


class Misshapen(Refusal):
    title = "填写内容不符合要求，请按提示逐项更正"


class PostRequired(Misshapen):
    title = "您有多个在任岗位，请用 Mandate-Post 指明以哪个岗位办理"


class BadDivisionCode(Misshapen):
    title = "行政区划代码不正确：应为 2、4、6、9 或 12 位半角数字，且在现行区划中存在"


class BadDocumentNumber(Misshapen):
    title = "发文字号不规范，应形如 同乡振发〔2026〕31号"


class UnknownKey(Misshapen):
    title = "幂等键格式不正确：1 至 64 位字母、数字、点、下划线或连字符"


class Unknown(Refusal):
    title = "没有这个事项，或者您无权查看"


class Stranger(Refusal):
    title = "身份凭证无效或已过期，请重新登录"


class Throttled(Refusal):
    title = "请求过于频繁，请稍候再试"


class Denied(Refusal):
    title = "您没有办理此事项的权限"
    recorded = True


class NoGrant(Denied):
    title = "没有任何授权覆盖此项操作，请由本单位管理员转授，或由县级乡村振兴机构向自治区书面申请"


class NoRole(Denied):
    title = "您的岗位角色不能办理此事项"


class OutsideDivision(Denied):
    title = "该行政区划不在授权范围内"


class OutsideCell(Denied):
    title = "该类数据不在授权范围内"


class OutsideOperation(Denied):
    title = "该操作不在授权范围内"


class OutsidePeriod(Denied):
    title = "不在授权的有效期内"


class OutsideField(Denied):
    title = "所填指标不由本部门负责，请转请负责该指标的部门或县级乡村振兴机构办理"


class OutsideHouseholds(Denied):
    title = "该户不在授权列明的农户名单内"


class WrongYear(Denied):
    title = "数据年度与授权不符"


class Revoked(Denied):
    title = "所依据的授权已被收回"


class Suspended(Denied):
    title = "所依据的授权已被停用"


class Vacated(Denied):
    title = "上级授权的持有人已不在该授权所依据的岗位，请由发出上级授权的单位改授在任的同志，再由其重新转授"


class RecordLimit(Denied):
    title = "已达到授权批准的户数上限"


class WrongHousehold(Denied):
    title = "该户登记的所在地或人口类别与所报不一致，请先核对或办理迁移"


class DutyConflict(Denied):
    title = "不相容职责须由不同的人办理，请改由其他同志办理"


class NotEmployed(Denied):
    title = "当前没有在任岗位，不能办理任何事项"


class ScopeNeedsConfirmation(Denied):
    title = "区划已调整，授权范围须经确认后才能继续使用"


class ApprovalNeeded(Denied):
    title = "此项操作须由另一名同志事先批准，请先取得批准再办理"


class OutsideDeputyship(Denied):
    title = "此项操作不在代理的范围内，请由原岗位人员办理，或请任命人调整代理范围"


class NotWitnessed(Denied):
    title = "没有登记在册的见证人的有效联署，请核对见证密钥，或请系统管理员登记见证人"


class Conflict(Refusal):
    title = "当前状态下不能办理此事项，请刷新后再试"
    recorded = True


class WrongState(Conflict):
    title = "事项当前所处的环节不允许此操作"


class NumberTaken(Conflict):
    title = "该发文字号已被使用，一个文号只能对应一份文件"


class AlreadyRegistered(Conflict):
    title = "已经登记过，不能重复登记"


class OtherHistory(Conflict):
    title = "见证的检查点与本日志的历史不一致，已停止签署，请立即报告审计部门"


class StillRunning(Refusal):
    title = "同一幂等键的请求正在办理，请稍候查询结果"


class Stale(Refusal):
    title = "事项已被他人更新，请重新打开后再办理"


class Unconditional(Refusal):
    title = "请带上 If-Match（事项版本）再提交"


class Unacceptable(Refusal):
    title = "内容不符合办理规定，请按提示更正"
    recorded = True


class NoSuchCell(Unacceptable):
    title = "脱贫人口没有“风险消除”这一项，此项只适用于监测对象"


class KeyReused(Unacceptable):
    title = "同一幂等键已用于另一份内容，请更换幂等键"


class NotInWriting(Unacceptable):
    title = "须书面申请：请先上传盖章文件作为附件，再签发报送"


class WiderThanHeld(Unacceptable):
    title = "超出可转授的范围：下级权限不得宽于上级授权"


class NotResponsible(Unacceptable):
    title = "所填责任人没有相应的在任岗位或授权，请核对采集人、提供人、核实人、监测人"


class WiderThanAsked(Unacceptable):
    title = "批准范围不得宽于申请范围"


class DatedBefore(Unacceptable):
    title = "批复日期不得早于来文日期"


class UnfitHolder(Unacceptable):
    title = "该单位或人员不能持有此授权，请核对单位、角色和在任岗位"


class EmptyInterval(Unacceptable):
    title = "结束时间应晚于开始时间，且晚于现在，请核对起止时间"


class NothingNarrowed(Unacceptable):
    title = "没有任何一项比原授权更窄，请至少缩小一项后再提交"


class BadPolicy(Unacceptable):
    title = "规则文件有误，整套未被接受，在用规则不变，请按提示更正后重新提出"


class BadNotice(Unacceptable):
    title = "放假安排有误，未被载入，在用的工作日历不变，请更正后重新报送"


class NothingChanged(Unacceptable):
    title = "与在用的完全相同，无需提出"


class NotCopied(Unacceptable):
    title = "县级直接向自治区行文须抄送所在市的乡村振兴机构，请在抄送单位中补上后再签发"


class ForeignCodeWord(Unacceptable):
    title = "发文字号的机关代字没有登记在本单位名下，请核对文号，或请系统管理员登记机关代字"


class NotSignatory(Unacceptable):
    title = "签发人与文件载明的签发人不是同一人，请由文件载明的签发人签发，或先修改草稿"


class WiderThanFiled(Unacceptable):
    title = "退回补正只能缩小申请范围；需要扩大范围的，请另行发文申请"


class BadAttachment(Unacceptable):
    title = "附件不符合要求：只接受 PDF、OFD、PNG、JPEG、DOCX、XLSX 文件，内容须与类型一致"


class Closed(Refusal):
    title = "系统暂时不能记录，因此暂停办理，请稍后重试"


class Clock(Closed):
    title = "服务器时钟异常，已停止办理，请联系系统管理员"


class Overloaded(Closed):
    title = "当前办理量过大，请稍后重试"
