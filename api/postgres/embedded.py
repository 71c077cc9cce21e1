"""The embedded database: a real PostgreSQL 18 on a folder of ours, started and stopped with the service.

    <folder>/lock          held by the one process that runs the database (a second one is told so)
    <folder>/cluster/      PostgreSQL's own data folder, checksummed
    <folder>/passwords/    one file of mode 0600 per role
    <folder>/run/          the socket, in a folder of mode 0700; nothing listens on TCP
    <folder>/log           what PostgreSQL said

`stopped -> starting -> ready -> stopped`. Recovery after a crash may take as long as it takes; a postmaster left by a
killed parent is stopped before a new one starts. Data written before an answer survives anything but the disk.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import IO
from urllib.parse import quote

from api.commands.progress import say
from api.postgres.cluster import (
    ClusterError,
    Person,
    binaries,
    leftover,
    occupants,
    person,
    private_folder,
    socket_folder,
)  # fmt: skip

SUPERUSER, PORT = "postgres", 5432
PATIENCE = 3.0
LONGEST_LOG = 20_000_000
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    # A failed statement and its row may hold a name or a telephone number: the log says what went wrong, not with what.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
VOLATILE = {**dict.fromkeys(DURABLE, "off"), "autovacuum": "off", "wal_level": "minimal", "max_wal_senders": "0"}


class Cluster:
    """One PostgreSQL on one folder. `volatile` gives up durability for speed and is for tests only."""

    def __init__(self, folder: Path, *, volatile: bool = False) -> None:
        self.folder = folder.absolute().resolve()
        self.volatile = volatile
        self.cluster = self.folder / "cluster"
        self.passwords = self.folder / "passwords"
        self._lock: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: Path | None = None
        self._starter = 0

    def start(self) -> None:
        """Take the folder, make the cluster if there is none, and return when it answers."""
        if self._process is not None:
            return
        program = binaries() / "postgres"
        owner = person(self.folder, program)
        self._open_folder(owner)
        try:
            self._socket = socket_folder(self.folder, owner)
            if not (self.cluster / "PG_VERSION").exists():
                self._initialise(owner)
            self._clear_out()
            self._starter = os.getpid()
            atexit.register(self.stop)
            _end_politely()
            self._launch(owner, program)
            self._hand_over(owner)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ask PostgreSQL to write everything down and end. Safe to repeat; a forked child never stops its parent's."""
        if self._starter not in (0, os.getpid()):
            return
        atexit.unregister(self.stop)
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        if self._socket is not None and self._socket.parent != self.folder:
            with contextlib.suppress(OSError):
                self._socket.rmdir()
        self._socket = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def url(self, role: str = SUPERUSER, database: str = "postgres") -> str:
        """Where SQLAlchemy finds this database, over the socket, as this role; its password is made when first asked."""
        if self._socket is None:
            raise ClusterError("内置数据库尚未启动。 (The embedded database is not running.)")
        place = quote(str(self._socket), safe="")
        return f"postgresql+psycopg://{role}:{password(self.passwords, role)}@/{database}?host={place}&port={PORT}"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def fallen(self) -> bool:
        """Whether PostgreSQL has ended though nobody asked it to."""
        return self._process is not None and self._process.poll() is not None

    def _open_folder(self, owner: Person) -> None:
        try:
            fresh = not self.folder.exists()
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if fresh and os.geteuid() == 0 and owner.uid != 0:
                os.chown(self.folder, owner.uid, owner.gid)
            self._lock = Path(self.folder, "lock").open("ab")  # noqa: SIM115 held until stop
        except OSError as error:
            raise ClusterError(
                f"无法使用数据目录 {self.folder}：请确认运行本系统的用户对它有读写权限，或用 MANDATE_DATA 换一个目录。"
                f" (Cannot use the data folder {self.folder}: {error.strerror}.)"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            self._lock = None
            raise ClusterError(
                f"数据目录 {self.folder} 正由另一个进程使用。请先停止那个进程，或用 MANDATE_DATA 换一个目录。"
                f" (Another process is running on the data folder {self.folder}.)"
            ) from error

    def _hand_over(self, owner: Person) -> None:
        """What root has just made for another owner is that owner's, who may come back without being root."""
        if os.geteuid() == 0 and owner.uid != 0:
            for file in (self.folder / "lock", self.folder / "log", self.passwords, *self.passwords.iterdir()):
                os.chown(file, owner.uid, owner.gid)

    def _initialise(self, owner: Person) -> None:
        """Make the cluster beside its final place and move it there: an interrupted start leaves no half cluster."""
        draft = self.folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        private_folder(draft, owner)
        word = draft / "password"
        _write_private(word, password(self.passwords, SUPERUSER), owner)
        words: list[str | Path] = [binaries() / "initdb", "-D", draft / "cluster", "-U", SUPERUSER, "-k", "--locale=C"]
        words += ["--encoding=UTF8", "--auth=scram-sha-256", f"--pwfile={word}", "--no-instructions"]
        words += ["--no-sync"] if self.volatile else []
        told = subprocess.run(owner.command(*words), cwd=draft, capture_output=True, text=True, check=False)
        word.unlink()
        if told.returncode != 0:
            raise ClusterError(f"无法建立内置数据库。 (initdb failed.)\n{told.stdout}{told.stderr}".rstrip())
        (draft / "cluster").rename(self.cluster)
        draft.rmdir()
        _sync(self.folder)

    def _clear_out(self) -> None:
        """Stop a postmaster left by a killed parent, wait for orphaned backends, and drop what the dead have left.

        That is `postmaster.pid`, the socket and the socket's lock. PostgreSQL itself cannot tell a dead postmaster's
        id from the same number given to another process; we hold the folder's lock and have looked, so we can.
        """
        pid = leftover(self.cluster)
        if pid is not None:
            _say("发现上次未正常退出的数据库进程，正在让它保存并退出……")
            os.kill(pid, signal.SIGINT)
        begun = time.monotonic()
        while (pid is not None and leftover(self.cluster) == pid) or occupants(self.cluster):
            if time.monotonic() - begun > 60:  # noqa: PLR2004 a polite stop has had its minute
                for straggler in occupants(self.cluster):
                    os.kill(straggler, signal.SIGQUIT)
            time.sleep(0.05)
        assert self._socket is not None
        for trace in (self.cluster / "postmaster.pid", *self._socket.glob(f".s.PGSQL.{PORT}*")):
            trace.unlink(missing_ok=True)

    def _launch(self, owner: Person, program: Path) -> None:
        """Start the postmaster in a session of its own, out of reach of Ctrl-C, and wait as long as it lives."""
        assert self._socket is not None
        settings = {
            **SETTINGS,
            **(VOLATILE if self.volatile else DURABLE),
            "unix_socket_directories": str(self._socket),
        }
        words: list[str | Path] = [program, "-D", self.cluster]
        for name, value in settings.items():
            words += ["-c", f"{name}={value}"]
        log = self.folder / "log"
        if log.exists() and log.stat().st_size > LONGEST_LOG:
            log.replace(self.folder / "log.1")
        with log.open("ab") as out:
            begins = out.tell()
            self._process = subprocess.Popen(
                owner.command(*words, mortal=self.volatile),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                umask=0o077,
            )
        begun = told = time.monotonic()
        while not self._ready():
            if self._process.poll() is not None:
                said = log.read_bytes()[begins:].decode("utf-8", "replace")
                raise ClusterError(f"内置数据库未能启动，记录见 {log}。 (PostgreSQL did not start.)\n{said}".rstrip())
            time.sleep(0.02)
            if time.monotonic() - told > PATIENCE:
                told = time.monotonic()
                _say(f"数据库正在启动或恢复，已等待 {told - begun:.0f} 秒，请勿中断……")

    def _ready(self) -> bool:
        """Line 8 of `postmaster.pid` is PostgreSQL's own word that connections are accepted."""
        try:
            lines = Path(self.cluster, "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"  # noqa: PLR2004 the 8th


def password(folder: Path, role: str) -> str:
    """The random password of a role, from its file of mode 0600 in `folder`; made, and on disk, when first asked."""
    file = folder / role
    if not file.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(file, secrets.token_urlsafe(32))
    return file.read_text(encoding="ascii").strip()


def _write_private(file: Path, text: str, owner: Person | None = None) -> None:
    """Write a whole small file that only its owner may read; a half-written one never bears the name."""
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
        out.write(text + "\n")
        out.flush()
        os.fsync(out.fileno())
    if owner is not None and os.geteuid() == 0 and owner.uid != 0:
        os.chown(draft, owner.uid, owner.gid)
    draft.replace(file)
    _sync(file.parent)


def _sync(folder: Path) -> None:
    """A name survives a power cut only once its folder is on disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGINT is PostgreSQL's fast shutdown: open transactions are rolled back, everything committed is written down."""
    process.send_signal(signal.SIGINT)
    for stronger in (None, signal.SIGQUIT, signal.SIGKILL):
        if stronger is not None:
            process.send_signal(stronger)
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            _say("数据库仍在保存，请稍候……")
        else:
            return


def _end_politely() -> None:
    """SIGTERM and a closed terminal end a Python process without a word; make them an ordinary exit, so `stop` runs."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _leave)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _say(text: str) -> None:
    say(text, sys.stderr)
