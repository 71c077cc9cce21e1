"""The Chinese words of `openapi.json` for what stands in many routes: groups, parts of paths, queries, headers.

A part and a header have an example beside their words. A name means the same wherever it stands.
"""

from __future__ import annotations

from collections.abc import Mapping

TAGS = {
    "access": "判定", ".well-known": "判定", "attachments": "书面申请", "requests": "书面申请", "windows": "统一授权窗口", "grants": "授权与转授", "edits": "数据操作", "approvals": "数据操作",
    "entries": "记录查询", "evidence": "记录查询", "erasures": "擦除", "responsibility": "记录查询", "me": "本人", "people": "人员与岗位", "posts": "人员与岗位",
    "transfers": "人员与岗位", "deputies": "人员与岗位", "units": "人员与岗位", "officers": "人员与岗位", "staffing": "人员与岗位", "divisions": "区划与期限", "deadline": "区划与期限",
    "policies": "规则", "replays": "规则", "calendars": "区划与期限", "cosignatures": "日志", "log": "日志", "checkpoint": "日志", "consistency": "日志", "households": "农户", "bootstrap": "运行", "healthz": "运行", "readyz": "运行", "metrics": "运行",
}  # fmt: skip
PARTS: Mapping[str, tuple[str, str]] = {
    "id": ("编号：事项以产生它的记录号为编号，人员形如 p-1002", "17"),
    "entry": ("记录号", "17"),
    "sha256": ("附件的 SHA-256 值", "0" * 64),
    "token": ("户编号", "h-9f2c"),
    "code": ("行政区划代码", "640324"),
    "digest": ("规则版本（64 位十六进制）", "0" * 64),
    "level": ("层级：0 为记录的散列值，每升一层合并 256 个", "0"),
    "path": ("序号，三位一组，如 x001/234；加 .p/W 只取前 W 个", "000.p/1"),
}
HEADERS: Mapping[str, tuple[str, str]] = {
    "Mandate-Post": ("以哪个岗位办理（岗位编号）；有多个在任岗位时必填", "12"),
    "Mandate-Device": ("设备编号，随记录留存", "device-1"),
    "Mandate-Purpose": ("办理用途（百分号编码的文字），只留摘要", "%E5%B9%B4%E5%BA%A6%E6%A0%B8%E6%9F%A5"),
    "Mandate-On-Behalf-Of": ("代何系统或何人提交，随记录留存", "county-system"),
    "Idempotency-Key": ("幂等键：同一人同一接口 24 小时内重复提交只办理一次", "2026-12-02-0001"),
    "If-Match": ("所见的事项版本，即查询时答复的 ETag", '"17"'),
    "At-Least": ("不得从此日志位置之前作答", "17"),
}
QUERIES: Mapping[str, str] = {
    "at": "查询这一时刻（或这一天）的情况，缺省为现在",
    "cell": "数据单元，如 monitored.income",
    "cursor": "翻页标记，取自上一页的答复",
    "data_year": "数据年度",
    "days": "工作日数",
    "decision": "只看准（permit）或不准（deny）",
    "division": "行政区划代码，含其下级",
    "dry_run": "只试算是否在上级授权范围之内，不办理、不留痕",
    "form": "打印哪一种：request 申请，reply 批复，receipt 回执单",
    "format": "导出格式：csv、ndjson 或 xlsx",
    "from": "起始时间（推算期限时为起算日，一致性证明时为较小的日志位置）",
    "grant": "授权编号",
    "hash": "用哪种散列：sha256 或 sm3（须已启用国密日志）",
    "holder": "持有授权的单位或人员",
    "household": "户编号",
    "kind": "记录的种类，如 EditPermitted",
    "lapsing": "只看临近到期、尚未延期的批复授权（true），或其余的授权（false）",
    "limit": "每页条数，1 至 1000",
    "live_at": "只看在这一时刻有效的授权",
    "operation": "操作，如 update",
    "origin": "授权来源：request 书面申请，unified 统一授权，delegated 转授",
    "parent": "上级行政区划代码",
    "person": "人员编号",
    "q": "在记录中查找的文字",
    "quarter": "季度",
    "refusal": "一次数据操作被拒的记录号（取自拒绝答复的 request）",
    "role": "角色，如 county_clerk",
    "size": "证明所依据的日志位置，缺省为现在",
    "state": "申请所处的环节",
    "to": "较大的日志位置，缺省为现在",
    "unconfirmed": "只看区划调整后尚未确认（true）或无须确认（false）的授权",
    "unit": "单位编号",
    "until": "截止时间（不含）",
    "values": "证据文件是否含这条记录的原值和随机数（只对可以看原值的岗位）",
    "wider_than_document": "只看宽于文件（true）或不宽于文件（false）的授权",
}
