"""What the console says once the service is up: where to look, and as whom."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from api.settings import Settings

DEMO_PERSONS = (
    ("p-1002", "同心县 经办人", "起草书面申请"),
    ("p-1003", "同心县 签发人", "签发报送"),
    ("p-1004", "同心县 管理员A角", "转授、收回"),
    ("p-1011", "自治区 承办人", "收文登记、拟办"),
    ("p-1012", "自治区 审批人", "批复、开放统一授权窗口"),
    ("p-1021", "吴忠市 督查人员", "查看（无审批权）"),
    ("p-1101", "同心县民政局 信息联络员", "比对、更新"),
    ("p-1226", "王团镇 管理员", "镇内转授"),
    ("p-2001", "豫海镇城北村 村级信息员", "采集、更新"),
    ("p-1031", "审计人员", "查阅记录"),
)


def program() -> str:
    """How this program is called from where the person stands: it is rarely on the path."""
    place = Path(sys.argv[0]).absolute()
    if place.name != "mandate":
        return "mandate"
    here = Path.cwd()
    found = str(place.relative_to(here)) if place.is_relative_to(here) else str(place)
    return shlex.quote(found)


def demo(settings: Settings) -> str:
    """The demo world is there."""
    mandate = program()
    lines = [
        "",
        f"演示环境已就绪：{settings.base_url}（数据均为虚构，日志存放在 {settings.data}）",
        "可用下列人员的身份试用：",
        *(f"  {person}  {post}：{does}" for person, post, does in DEMO_PERSONS),
        "在另一个终端中：",
        f"  {mandate} token p-1002        打印该人员的登录凭证，例如",
        f'  curl -H "Authorization: Bearer $({mandate} token p-1002)" {settings.base_url}/v1/me',
        f"  {mandate} demo                依次演示从书面申请到留痕的全过程",
    ]
    return "\n".join(lines)


CHANGED = {
    "policy": "规则：如需采用，请由安全保密管理员提出（mandate policies adopt），再由自治区审批人采用",
    "edition": "行政区划：如需更新，请由系统管理员报送新版区划，再由自治区审批人确认",
    "calendar": "工作日历：如需更新，请由系统管理员报送",
}


def service(settings: Settings, unlike: Sequence[str] = ()) -> str:
    """The service is there, with its administrator; `unlike` are the parts of the law the folder disagrees on."""
    lines = ["", f"服务已就绪：{settings.base_url}（日志 {settings.origin}）"]
    if unlike:
        lines += [
            f"注意：{settings.policies} 中的下列内容与在用的不一致，仍按在用的办理：",
            *(f"  {CHANGED[each]}" for each in unlike),
        ]
    return "\n".join(lines)


def halted(settings: Settings, told: str) -> str:
    """The service is there and records nothing."""
    return f"\n停止办理：{told}\n只提供检查点和证明的查询：{settings.base_url}"


def first_service(settings: Settings, code: str) -> str:
    """The service is there and has nobody yet: the one-time code, shown nowhere else."""
    lines = [
        service(settings),
        "尚无任何人员。请在 30 分钟内由首任系统管理员凭下面的一次性口令登记（仅显示这一次，过期请重启服务）：",
        "",
        f"    {code}",
        "",
        f"  curl -X POST {settings.base_url}/v1/bootstrap -H 'Content-Type: application/json' \\",
        '    -d \'{"code":"…","name":"姓名","identity_number":"身份证号码"}\'',
        f"答复中的凭证 10 分钟内有效；此后由系统管理员用 {program()} token --once 人员编号 逐次发放。",
    ]
    return "\n".join(lines)
