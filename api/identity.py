"""Who asks: EdDSA tokens (RFC 7519, RFC 9068) checked against the public keys of known issuers; the only door to jwt.

    <keys>/issuers/<kid>.pem     Ed25519 public key (SubjectPublicKeyInfo); the file's stem is the `kid`
    <keys>/issuers/<kid>.toml    optional: issuer = "..."  audience = "..."  max_lifetime = 600  (seconds)
                                 without it the issuer is called like its kid, the audience is "mandate", 600 s
    <keys>/<kid>.key             private key of an issuer of our own (bootstrap, demo world), mode 0600

A token names a natural person (`sub`) and nothing else that matters. The algorithm is that of the key record, never
that of the token. Every failure is the same `Stranger`; why is not told. Lifetimes beyond ten minutes are loaded only
for a demo world. Whether the person exists, and the person's token epoch, is the register's question.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import threading
import tomllib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from authz.refusal import Stranger

ALGORITHM = "EdDSA"
TYPE = "at+jwt"
LONGEST_TOKEN = 8_192
LEEWAY = 5
LONGEST_LIFETIME = 600
REMEMBERED = 10_000
DEFAULT_AUDIENCE = "mandate"

_KID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_PART = re.compile(r"[A-Za-z0-9_-]+")
_PERSON = re.compile(r"p-[0-9]{1,12}")
_JTI = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] ([A-Za-z0-9_.-]+)")
_REQUIRED = ["exp", "iat", "nbf", "iss", "aud", "sub", "jti"]
# The times are checked here, against the time given; jwt would read the clock itself.
_OPTIONS: Any = {
    "require": _REQUIRED, "strict_aud": True, "verify_exp": False, "verify_nbf": False, "verify_iat": False,
}  # fmt: skip


class BadKeys(Exception):
    """A key file is missing, open to others or not what it should be: the service does not start."""


@dataclass(frozen=True, slots=True)
class Claims:
    """A verified token. Times are seconds since 1970."""

    sub: str
    jti: str
    iat: int
    nbf: int
    exp: int
    issuer: str
    kid: str


@dataclass(frozen=True, slots=True)
class Issuer:
    """One key record: a key, and for whom, to whom and how long its tokens speak."""

    kid: str
    key: Ed25519PublicKey
    name: str
    audience: str
    max_lifetime: int


class Issuers:
    """The known key records and the tokens verified under them, remembered in bounded number. Thread-safe."""

    def __init__(self, issuers: Iterable[Issuer], remembered: int = REMEMBERED) -> None:
        self._by_kid = {issuer.kid: issuer for issuer in issuers}
        self._remembered: OrderedDict[bytes, Claims] = OrderedDict()
        self._most = remembered
        self._lock = threading.Lock()

    @classmethod
    def load(cls, keys: Path, *, demo: bool = False) -> Issuers:
        """Every issuer of the folder; a key that cannot be used stops the start, rather than being left out."""
        return cls(_issuer(path, demo) for path in sorted((keys / "issuers").glob("*.pem")))

    @property
    def kids(self) -> tuple[str, ...]:
        """The known key ids."""
        return tuple(self._by_kid)

    def verify(self, token: str, now: float) -> Claims:
        """The claims of a valid token; anything else is a `Stranger`."""
        if len(token) > LONGEST_TOKEN or not token.isascii():
            raise Stranger
        digest = hashlib.sha256(token.encode("ascii")).digest()
        with self._lock:
            known = self._remembered.get(digest)
            if known is not None:
                self._remembered.move_to_end(digest)
        if known is None:
            known = self._read(token)
            _must_be_live(known, now)
            self._remember(digest, known)
            return known
        _must_be_live(known, now)
        return known

    def _remember(self, digest: bytes, claims: Claims) -> None:
        with self._lock:
            self._remembered[digest] = claims
            while len(self._remembered) > self._most:
                self._remembered.popitem(last=False)

    def _read(self, token: str) -> Claims:
        parts = token.split(".")
        if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature
            raise Stranger
        header, claims = _members(parts[0]), _members(parts[1])
        _decoded(parts[2])
        # Nothing but these three: jku, x5u, jwk and crit would let the token choose its own judge.
        if set(header) != {"alg", "typ", "kid"} or header["alg"] != ALGORITHM or header["typ"] != TYPE:
            raise Stranger
        issuer = self._by_kid.get(header["kid"]) if isinstance(header["kid"], str) else None
        if issuer is None:
            raise Stranger
        try:
            jwt.decode(
                token, key=issuer.key, algorithms=[ALGORITHM], audience=issuer.audience, issuer=issuer.name,
                options=_OPTIONS,
            )  # fmt: skip
        except jwt.PyJWTError:
            raise Stranger from None
        return _claims(claims, issuer)


def _claims(claims: Mapping[str, Any], issuer: Issuer) -> Claims:
    sub, jti = claims["sub"], claims["jti"]
    if not isinstance(sub, str) or not _PERSON.fullmatch(sub) or not isinstance(jti, str) or not _JTI.fullmatch(jti):
        raise Stranger
    iat, nbf, exp = (_second(claims[name]) for name in ("iat", "nbf", "exp"))
    if not 0 < exp - iat <= issuer.max_lifetime or nbf >= exp:
        raise Stranger
    return Claims(sub, jti, iat, nbf, exp, issuer.name, issuer.kid)


def _second(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**40:
        raise Stranger
    return value


def _must_be_live(claims: Claims, now: float) -> None:
    if not (claims.iat - LEEWAY <= now and claims.nbf - LEEWAY <= now < claims.exp + LEEWAY):
        raise Stranger


# --- parts of a token -----------------------------------------------------------------------------------------------
def _decoded(part: str) -> bytes:
    """The bytes of canonical unpadded base64url: what would be encoded otherwise is refused."""
    if not _PART.fullmatch(part):
        raise Stranger
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (ValueError, binascii.Error):
        raise Stranger from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise Stranger
    return raw


def _members(part: str) -> dict[str, Any]:
    try:
        members = json.loads(_decoded(part), object_pairs_hook=_single, parse_constant=_none, parse_float=_none)
    except (ValueError, RecursionError):
        raise Stranger from None
    if not isinstance(members, dict):
        raise Stranger
    return members


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(members := dict(pairs)) != len(pairs):
        raise Stranger
    return members


def _none(_: str) -> Any:
    raise Stranger


def bearer(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The token of the one `Authorization: Bearer` header of an ASGI request. No other place is ever looked at."""
    given = [value for name, value in headers if name.lower() == b"authorization"]
    if len(given) != 1 or len(given[0]) > LONGEST_TOKEN + len(b"Bearer ") or not (found := _BEARER.fullmatch(given[0])):
        raise Stranger
    return found[1].decode("ascii")


# --- key files ------------------------------------------------------------------------------------------------------
def _issuer(path: Path, demo: bool) -> Issuer:
    kid = path.stem
    if not _KID.fullmatch(kid):
        raise BadKeys(f"公钥文件名不正确：{path.name}，应为 1 至 32 位字母、数字、下划线或连字符")
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm):
        raise BadKeys(f"公钥文件无法读取：{path.name}，应为 PEM 格式的 Ed25519 公钥") from None
    if not isinstance(key, Ed25519PublicKey):
        raise BadKeys(f"公钥类型不正确：{path.name}，只接受 Ed25519")
    name, audience, lifetime = _sidecar(path.with_suffix(".toml"), kid)
    if lifetime > LONGEST_LIFETIME and not demo:
        raise BadKeys(f"{kid}.toml 的 max_lifetime 超过 {LONGEST_LIFETIME} 秒，只有演示环境可以这样设置")
    return Issuer(kid, key, name, audience, lifetime)


def _sidecar(path: Path, kid: str) -> tuple[str, str, int]:
    try:
        told = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise BadKeys(f"{path.name} 不是有效的 TOML 文件") from None
    if unknown := set(told) - {"issuer", "audience", "max_lifetime"}:
        raise BadKeys(f"{path.name} 中有不认识的项：{'、'.join(sorted(unknown))}")
    name, audience = told.get("issuer", kid), told.get("audience", DEFAULT_AUDIENCE)
    lifetime = told.get("max_lifetime", LONGEST_LIFETIME)
    if not (isinstance(name, str) and name and isinstance(audience, str) and audience):
        raise BadKeys(f"{path.name} 的 issuer 和 audience 应为非空文字")
    if type(lifetime) is not int or lifetime <= 0:
        raise BadKeys(f"{path.name} 的 max_lifetime 应为正整数（秒）")
    return name, audience, lifetime


class Signer:
    """An issuer of our own: the one-time tokens of the first start and the tokens of a demo world."""

    def __init__(self, kid: str, key: Ed25519PrivateKey, name: str, audience: str, max_lifetime: int) -> None:
        self.kid, self.name, self.audience, self.max_lifetime = kid, name, audience, max_lifetime
        self._key = key

    @classmethod
    def create(cls, keys: Path, kid: str, max_lifetime: int = LONGEST_LIFETIME) -> Signer:
        """A new key: the private half for this account alone, the public half beside the other issuers."""
        if not _KID.fullmatch(kid):
            raise BadKeys("密钥名称应为 1 至 32 位字母、数字、下划线或连字符")
        key = Ed25519PrivateKey.generate()
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        (keys / "issuers").mkdir(mode=0o700, exist_ok=True)
        _write(keys / f"{kid}.key", private, 0o600)
        told = f'issuer = "{kid}"\naudience = "{DEFAULT_AUDIENCE}"\nmax_lifetime = {max_lifetime}\n'
        _write(keys / "issuers" / f"{kid}.toml", told.encode(), 0o644)
        _write(keys / "issuers" / f"{kid}.pem", public, 0o644)
        return cls(kid, key, kid, DEFAULT_AUDIENCE, max_lifetime)

    @classmethod
    def load(cls, keys: Path, kid: str) -> Signer:
        """The signer of an earlier `create`; a key file others may read is refused."""
        path = keys / f"{kid}.key"
        try:
            mode, pem = path.stat().st_mode, path.read_bytes()
            key = serialization.load_pem_private_key(pem, None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
            raise BadKeys(f"私钥文件无法读取：{path.name}") from None
        if mode & 0o077:
            raise BadKeys(f"私钥文件可被他人读取：{path.name}，请先执行 chmod 600")
        if not isinstance(key, Ed25519PrivateKey):
            raise BadKeys(f"私钥类型不正确：{path.name}，只接受 Ed25519")
        return cls(kid, key, *_sidecar(keys / "issuers" / f"{kid}.toml", kid))

    def mint(self, sub: str, lifetime: int, now: float, jti: str) -> str:
        """A token for one person."""
        if not _PERSON.fullmatch(sub) or not _JTI.fullmatch(jti) or not 0 < lifetime <= self.max_lifetime:
            raise ValueError("a token of ours must pass its own checks")
        iat = int(now)
        claims = {
            "iss": self.name, "aud": self.audience, "sub": sub, "jti": jti, "iat": iat, "nbf": iat,
            "exp": iat + lifetime,
        }  # fmt: skip
        return jwt.encode(claims, self._key, ALGORITHM, headers={"kid": self.kid, "typ": TYPE})


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a new file and make it durable; an existing key is never overwritten."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
