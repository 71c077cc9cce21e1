"""The guard: whether the database still refuses to change the log.

Each of `entry` with all its partitions, `act`, `node` and `leaves` carries two triggers, ENABLE ALWAYS, that call one function
which raises. A trigger that is dropped, disabled, bound to a condition or to another function, or a function with
another body, means that somebody could rewrite history unhindered: nothing is recorded any more, and so nothing is
permitted. This is a fence and no proof: the proof is what others hold.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from authz.refusal import Closed

TOLD = "数据库中保护日志的触发器已被停用或改动，已停止办理。请立即报告审计部门，由系统管理员恢复触发器并核验（mandate fsck）后再启动"
_LOG = """
WITH log AS (
    SELECT 'public.entry'::regclass::oid AS oid UNION ALL SELECT 'public.act'::regclass UNION ALL SELECT 'public.node'::regclass
    UNION ALL SELECT 'public.leaves'::regclass
    UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = 'public.entry'::regclass
)
"""
# tgtype: 27 = before, each row, update or delete; 34 = before, each statement, truncate.
BODY = (
    "BEGIN\n    RAISE EXCEPTION 'the log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME"
    " USING ERRCODE = 'insufficient_privilege';\nEND"
)
_BODY = f"(SELECT btrim(prosrc, E' \\n') FROM pg_proc WHERE oid = 'public.refuse_change'::regproc) = $body${BODY}$body$"  # noqa: S608
# As an SQL expression, for the query of a head: whether every trigger stands as it was made.
STANDS = f"""({_LOG}
SELECT 2 * (SELECT count(*) FROM log) = (
    SELECT count(*) FROM pg_trigger t JOIN log ON t.tgrelid = log.oid
    WHERE t.tgenabled = 'A' AND t.tgqual IS NULL AND t.tgfoid = 'public.refuse_change'::regproc
    AND (t.tgname, t.tgtype) IN (('append_only', 27), ('append_only_whole', 34))
) AND {_BODY})
"""  # noqa: S608 our own words
_EACH = f"""{_LOG}
SELECT log.oid::regclass::text AS place, made.name, t.tgenabled::text AS state
FROM log CROSS JOIN (VALUES ('append_only', 27), ('append_only_whole', 34)) AS made (name, type)
LEFT JOIN pg_trigger t ON t.tgrelid = log.oid AND t.tgname = made.name
WHERE (t.tgenabled = 'A' AND t.tgqual IS NULL AND t.tgtype = made.type AND t.tgfoid = 'public.refuse_change'::regproc) IS NOT TRUE
ORDER BY place, made.name
"""  # noqa: S608 our own words
_STATES = {None: "不存在", "A": "已被换成别的内容", "D": "已停用", "O": "未设为始终生效", "R": "未设为始终生效"}


def stands(connection: Connection) -> bool:
    """Whether every trigger stands as it was made."""
    return bool(connection.execute(text(f"SELECT {STANDS}")).scalar_one())


def gaps(connection: Connection) -> list[str]:
    """What is missing of the fence, a sentence for each; nothing if it stands."""
    found = [
        f"数据表 {row.place} 的防改触发器 {row.name} {_STATES[row.state]}" for row in connection.execute(text(_EACH))
    ]
    if not connection.execute(text(f"SELECT {_BODY}")).scalar_one():
        found.append("防改触发器所用的函数 refuse_change 已被改动")
    return found


def must_stand(connection: Connection) -> None:
    """Return if the log is guarded; else Closed."""
    if not stands(connection):
        raise Closed(TOLD)
