"""`mandate policies restore FOLDER`: the files of a law on record, handed in from the folder of then.

Only bytes of a digest that stands on record are taken, so this changes no decision and needs no second person.
"""

from __future__ import annotations

from pathlib import Path

from api import restoring
from api.commands.progress import say
from api.database import Database
from api.postgres.opening import visited
from api.settings import Misconfigured, Settings
from audit import bridge, charter

FAILED = 1


def run(folder: str | None, settings: Settings) -> int:
    """Put back what this folder holds of what is lost, and say what is still lost; 1 if nothing was or more is needed."""
    if not folder:
        raise Misconfigured("请写明当时的规则文件夹：mandate policies restore 文件夹。")
    if not (place := Path(folder).absolute()).is_dir():
        raise Misconfigured(f"{folder} 不是文件夹。请写明启用该版本时的规则文件夹。")
    with visited(settings) as database:
        return put_back(database, place)


def put_back(database: Database, folder: Path) -> int:
    """The same on a database that is open."""
    found = tuple(restoring.streams(folder))
    with database.engine.begin() as connection:
        before = charter.lost(connection)
        restored = charter.restore(connection, found)
        left = [each for each in before if each not in restored]
    for each in restored:
        say(f"已补回{bridge.called(each)}。")
    if not before:
        say("在案各版规则、行政区划和工作日历的文件都在数据库中，无需补回。")
    elif not restored:
        say("此文件夹中没有所缺的版本，未作任何改动。")
    for each in left:
        say(f"{'在用的' if each.in_force else '以前的'}{bridge.called(each)}仍缺少文件。")
    return FAILED if any(each.in_force for each in left) or (before and not restored) else 0
