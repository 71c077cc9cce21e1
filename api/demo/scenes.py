"""The ten scenes of `mandate demo`, played over HTTP against a running service of a demo world.

They may be played again and again on the same world: each takes the next free document numbers and new households.
"""

from __future__ import annotations

from collections.abc import Callable

from api.demo import scenes_county as county
from api.demo import scenes_divisions as divisions
from api.demo import scenes_rules as rules
from api.demo import scenes_staff as staff
from api.demo.client import Client
from api.demo.stage import Mismatch, NotYet, Stage

SCENES: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("书面申请、逐项批复、逐级转授、一次更新", county.written_request),
    ("统一授权窗口到点关闭", rules.window),
    ("收回授权，下级一并失效", county.revocation),
    ("人员调动", staff.transfer),
    ("区划代码变更", divisions.recode),
    ("没有回退权限的风险消除回退", county.rollback),
    ("一个文号用于两份文件", rules.number_twice),
    ("越级行文未抄送", rules.skip_level),
    ("20 个工作日的计算", rules.deadline),
    ("审计人员的两个问题", rules.audit),
)


def play(client: Client, out: Callable[[str], None]) -> int:
    """Play all scenes and print what happened; how many failed."""
    stage = Stage(client, out)
    passed = missing = failed = 0
    for number, (title, scene) in enumerate(SCENES, start=1):
        out(f"\n场景 {number}　{title}")
        try:
            scene(stage)
        except NotYet as later:
            missing += 1
            out(f"  — 尚未提供：{later}")
        except Mismatch as fault:
            failed += 1
            out(f"  ✗ 与预期不符：{fault}")
        except (KeyError, IndexError, TypeError) as fault:
            failed += 1
            out(f"  ✗ 答复缺少应有的内容：{type(fault).__name__} {fault}")
        else:
            passed += 1
            out("  ✓ 通过")
    out(f"\n{passed} passed, {missing} not yet, {failed} failed")
    return failed
