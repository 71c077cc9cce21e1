"""A signing device behind a program of the deployment's own: a PKCS#11 token, a security module, a card.

    <origin>.2.signer        TOML, mode 0600, beside the key files
    vkey = "mandate.nx.example/log+a1b2c3d4+AQ..."       the public half that the device signs under
    command = ["/opt/device/sign", "--slot", "1"]        no shell

For each signature the program is run once, and speaks one line of base64 each way:

    we write      sign <base64 of the text>
    it writes     <base64 of the signature>        and ends with status 0

No private key enters this process. What comes back is believed only if it is a signature under `vkey`. A device of
another algorithm (SM2) needs a kind of vkey that verifiers know; the driver stays the same.
"""

from __future__ import annotations

import base64
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from audit import note
from audit.checkpoint import BadKey, Verifier
from audit.note import BadNote

SUFFIX = ".signer"
SECONDS = 10
LONGEST = 4096


@dataclass(frozen=True, slots=True)
class DeviceSigner:
    """A key that lies in a device; `command` is the program that reaches it."""

    verifier: Verifier
    command: tuple[str, ...] = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> DeviceSigner:
        """The device of a file; BadKey if others may read or change the file, or it does not say these two things."""
        if path.stat().st_mode & 0o077:
            raise BadKey(f"密钥文件可被他人读取：{path.name}，请先执行 chmod 600")
        try:
            told = tomllib.loads(path.read_text(encoding="utf-8"))
            vkey, command = told.pop("vkey"), told.pop("command")
            if told or not command or not all(isinstance(each, str) for each in [vkey, *command]):
                raise ValueError("other members")
            return cls(Verifier.from_vkey(vkey), tuple(command))
        except (ValueError, TypeError, KeyError):
            raise BadKey(f"不是签名设备的配置文件：{path.name}，应只写 vkey 和 command 两项") from None

    @property
    def name(self) -> str:
        return self.verifier.name

    def sign(self, text: bytes) -> bytes:
        """The device's signature of these bytes; BadKey if it gives none that is good."""
        asked = b"sign " + base64.b64encode(text) + b"\n"
        try:
            done = subprocess.run(  # noqa: S603 the program of the operator's own file, which nobody else may write
                list(self.command), input=asked, capture_output=True, timeout=SECONDS, check=True
            )
            signed = note.decoded(done.stdout[:LONGEST].decode("ascii").removesuffix("\n"))
        except (OSError, subprocess.SubprocessError, UnicodeDecodeError, BadNote) as fault:
            raise BadKey(
                f"签名设备没有应答或应答不正确（{type(fault).__name__}），请检查设备和 .signer 文件"
            ) from fault
        if not self.verifier.signed(text.decode(), signed):
            raise BadKey("签名设备用的不是登记的密钥，请检查设备和 .signer 文件")
        return signed
