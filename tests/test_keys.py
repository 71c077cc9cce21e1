"""Key files and the one-time code: what is loaded, and what stops the start."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448

from api.bootstrap_code import code_digest, code_matches, draw_code
from api.identity import BadKeys, Issuers, Signer
from authz.refusal import Stranger

NOW = 1_795_000_000


def test_signer_round_trip_and_file_modes(tmp_path: Path) -> None:
    Signer.create(tmp_path / "keys", "boot-1")
    keys = tmp_path / "keys"
    assert stat.S_IMODE((keys / "boot-1.key").stat().st_mode) == 0o600
    assert b"PRIVATE" not in b"".join(path.read_bytes() for path in (keys / "issuers").iterdir())
    token = Signer.load(keys, "boot-1").mint("p-1", 600, NOW + 0.7, "t-1")
    claims = Issuers.load(keys).verify(token, NOW)
    assert (claims.sub, claims.jti, claims.exp - claims.iat, claims.kid) == ("p-1", "t-1", 600, "boot-1")
    with pytest.raises(FileExistsError):
        Signer.create(keys, "boot-1")


@pytest.mark.parametrize(("sub", "lifetime", "jti"), [("admin", 60, "t"), ("p-1", 601, "t"), ("p-1", 0, "t"),
                                                      ("p-1", 60, "a b")])  # fmt: skip
def test_signer_mints_nothing_it_would_refuse(tmp_path: Path, sub: str, lifetime: int, jti: str) -> None:
    with pytest.raises(ValueError, match="own checks"):
        Signer.create(tmp_path, "k").mint(sub, lifetime, NOW, jti)


def test_long_lifetime_only_in_a_demo_world(tmp_path: Path) -> None:
    signer = Signer.create(tmp_path, "demo", max_lifetime=86_400)
    with pytest.raises(BadKeys, match="演示"):
        Issuers.load(tmp_path)
    assert Issuers.load(tmp_path, demo=True).verify(signer.mint("p-1", 86_400, NOW, "t"), NOW + 80_000).sub == "p-1"


def test_public_key_alone_is_enough(tmp_path: Path) -> None:
    signer = Signer.create(tmp_path, "k")
    (tmp_path / "issuers" / "k.toml").unlink()
    assert Issuers.load(tmp_path).verify(signer.mint("p-1", 60, NOW, "t"), NOW).issuer == "k"


def test_a_removed_key_is_refused_from_the_next_load(tmp_path: Path) -> None:
    token = Signer.create(tmp_path, "k").mint("p-1", 60, NOW, "t")
    (tmp_path / "issuers" / "k.pem").unlink()
    with pytest.raises(Stranger):
        Issuers.load(tmp_path).verify(token, NOW)
    assert Issuers.load(tmp_path / "absent").kids == ()


SPKI = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
BAD_FILES = {
    "x.pem": b"no key",
    "ec.pem": ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*SPKI),
    "ed448.pem": ed448.Ed448PrivateKey.generate().public_key().public_bytes(*SPKI),
    "a b.pem": b"",
    "k" * 33 + ".pem": b"",
    "k.toml": b"issuer = ",
    "k.toml ": b'issuer = ""',
    "k.toml  ": b'issuer = "k"\nsecret = 1',
    "k.toml   ": b"max_lifetime = true",
    "k.toml    ": b"max_lifetime = 0",
    "k.toml     ": b"audience = ['mandate']",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_unusable_key_file_stops_the_start(tmp_path: Path, name: str) -> None:
    Signer.create(tmp_path, "k")
    Issuers.load(tmp_path)
    (tmp_path / "issuers" / name.strip()).write_bytes(BAD_FILES[name])
    with pytest.raises(BadKeys):
        Issuers.load(tmp_path)


def test_private_key_open_to_others_is_refused(tmp_path: Path) -> None:
    Signer.create(tmp_path, "k")
    (tmp_path / "k.key").chmod(0o640)
    with pytest.raises(BadKeys, match="chmod 600"):
        Signer.load(tmp_path, "k")
    with pytest.raises(BadKeys):
        Signer.load(tmp_path, "absent")


def test_one_time_code() -> None:
    code, digest = draw_code()
    assert code_matches(code, digest)
    assert code_matches(code.replace("-", "").lower() + " ", digest)
    assert not code_matches(code[:-1], digest)
    assert not code_matches("", digest)
    assert len({draw_code()[0] for _ in range(100)}) == 100
    assert code.replace("-", "") not in digest
    assert digest == code_digest(code)
