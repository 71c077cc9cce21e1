"""The doorstep of PostgreSQL: becomes an ordinary person, then turns into the program it was given.

    python -I -S api/postgres/postmaster.py [--namespace ID | --id UID:GID] [--mortal] -- PROGRAM ARGUMENT...

PostgreSQL refuses to run as root. `--namespace` enters a user namespace in which our own id is called ID: files stay
ours, folders keep their modes, nobody is created. `--id` is the way out where namespaces are forbidden. `--mortal`
(tests) ends the program together with the process that started it. It is a program and not a function because a
namespace can only be entered by a process of one thread; it imports nothing of ours and does not return.
"""

import ctypes
import os
import signal
import sys

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1


def enter_namespace(name: int) -> None:
    """Call our own ids `name` from here on. The group list is frozen first: the kernel asks for it (user_namespaces(7))."""
    uid, gid = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for file, line in (("setgroups", "deny"), ("uid_map", f"{name} {uid} 1"), ("gid_map", f"{name} {gid} 1")):
        with open(f"/proc/self/{file}", "w", encoding="ascii") as out:
            out.write(line)


def become(uid: int, gid: int) -> None:
    """Lay root down for good: groups first, the user last."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def main(words: list[str]) -> None:
    options, program = words[: words.index("--")], words[words.index("--") + 1 :]
    if "--namespace" in options:
        enter_namespace(int(options[options.index("--namespace") + 1]))
    if "--id" in options:
        uid, gid = options[options.index("--id") + 1].split(":")
        become(int(uid), int(gid))
    if "--mortal" in options and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
    os.umask(0o077)
    os.execv(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])
