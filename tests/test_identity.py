"""Tokens: one table of forgeries, all of them the same `Stranger`; keys and the one-time code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from api import identity
from api.identity import Issuers, Signer
from authz.refusal import Stranger

NOW = 1_795_000_000
PERSON = "p-1002"


class Bench:
    """A signer, the issuers that know it, and tokens bent out of shape but signed with the true key."""

    def __init__(self, keys: Path) -> None:
        self.keys = keys
        self.signer = Signer.create(keys, "k1")
        Signer.create(keys, "k2")
        self.issuers = Issuers.load(keys)
        self.pem = (keys / "issuers" / "k1.pem").read_bytes()
        self.header = {"alg": "EdDSA", "typ": "at+jwt", "kid": "k1"}
        self.claims = {
            "iss": "k1", "aud": "mandate", "sub": PERSON, "jti": "t-1", "iat": NOW, "nbf": NOW, "exp": NOW + 600,
        }  # fmt: skip

    def sealed(self, header: bytes, claims: bytes) -> str:
        signed = _b64(header) + "." + _b64(claims)
        return signed + "." + _b64(self.signer._key.sign(signed.encode()))

    def bent(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        told = {name: value for name, value in (self.claims | claims).items() if value is not ...}
        head = {name: value for name, value in (self.header | (header or {})).items() if value is not ...}
        return self.sealed(json.dumps(head).encode(), json.dumps(told).encode())

    def hmac(self, secret: bytes) -> str:
        header, claims = json.dumps(self.header | {"alg": "HS256"}).encode(), json.dumps(self.claims).encode()
        signed = _b64(header) + "." + _b64(claims)
        return signed + "." + _b64(hmac.digest(secret, signed.encode(), "sha256"))


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("keys"))


def _raw(bench: Bench) -> bytes:
    return bench.signer._key.public_key().public_bytes_raw()


def _der(bench: Bench) -> bytes:
    key = bench.signer._key.public_key()
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _twice(bench: Bench, member: bytes) -> str:
    claims = json.dumps(bench.claims).encode()
    return bench.sealed(json.dumps(bench.header).encode(), claims[:-1] + b"," + member + b"}")


def _loose(token: str) -> str:
    """The same signature bytes in another, not canonical, spelling."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + letters[letters.index(token[-1]) | 1]


FORGED: dict[str, Callable[[Bench], str]] = {
    "113 alg none": lambda b: b.bent({"alg": "none"}).rpartition(".")[0] + ".",
    "113 alg none, signature kept": lambda b: b.bent({"alg": "none"}),
    "113 HS256 with the PEM": lambda b: b.hmac(b.pem),
    "113 HS256 with the raw key": lambda b: b.hmac(_raw(b)),
    "113 HS256 with the DER key": lambda b: b.hmac(_der(b)),
    "113 alg HS256, EdDSA signature": lambda b: b.bent({"alg": "HS256"}),
    "113 alg eddsa": lambda b: b.bent({"alg": "eddsa"}),
    **{f"114 no {name}": (lambda b, name=name: b.bent(**{name: ...})) for name in
       ("exp", "aud", "iss", "jti", "sub", "nbf", "iat")},
    "114 exp as text": lambda b: b.bent(exp=str(NOW + 600)),
    "114 exp 10^300": lambda b: b.bent(exp=10**300),
    "114 exp as a float": lambda b: b.bent(exp=NOW + 600.0),
    "114 exp NaN": lambda b: b.bent(exp=float("nan")),
    "114 exp Infinity": lambda b: b.bent(exp=float("inf")),
    "114 exp true": lambda b: b.bent(exp=True),
    "114 iat in the future": lambda b: b.bent(iat=NOW + 60, exp=NOW + 300),
    "114 nbf in the future": lambda b: b.bent(nbf=NOW + 60),
    "114 iat true": lambda b: b.bent(iat=True),
    "114 nbf true": lambda b: b.bent(nbf=True),
    "114 ends when it begins": lambda b: b.bent(nbf=NOW + 3, exp=NOW + 3),
    "114 negative iat": lambda b: b.bent(iat=-1),
    "114 lifetime over the maximum": lambda b: b.bent(exp=NOW + 601),
    "114 expires before it begins": lambda b: b.bent(exp=NOW - 1, iat=NOW),
    "114 expired": lambda b: b.bent(iat=NOW - 600, nbf=NOW - 600, exp=NOW - 5),
    "115 aud list with us": lambda b: b.bent(aud=["mandate", "other"]),
    "115 aud list of us alone": lambda b: b.bent(aud=["mandate"]),
    "115 aud of another": lambda b: b.bent(aud="other"),
    "115 id token": lambda b: b.bent({"typ": "JWT"}),
    "115 no typ": lambda b: b.bent({"typ": ...}),
    "116 iss prefix": lambda b: b.bent(iss="k"),
    "116 iss suffix": lambda b: b.bent(iss="k1/"),
    "116 iss of another known key": lambda b: b.bent(iss="k2"),
    "116 kid of another known key": lambda b: b.bent({"kid": "k2"}, iss="k2"),
    "117 kid a path": lambda b: b.bent({"kid": "../issuers/k1"}),
    "117 kid SQL": lambda b: b.bent({"kid": "' OR 1=1--"}),
    "117 kid 10 KB": lambda b: b.bent({"kid": "k" * 10_240}),
    "117 kid unknown": lambda b: b.bent({"kid": "k3"}),
    "117 kid a list": lambda b: b.bent({"kid": ["k1"]}),
    "117 kid an object": lambda b: b.bent({"kid": {}}),
    "117 no kid": lambda b: b.bent({"kid": ...}),
    **{f"118 {name}": (lambda b, name=name: b.bent({name: "https://evil.example/keys"})) for name in
       ("jku", "x5u", "x5c", "jwk")},
    "118 unknown crit": lambda b: b.bent({"crit": ["x"], "x": 1}),
    "118 b64 crit": lambda b: b.bent({"crit": ["b64"], "b64": False}),
    "119 sub twice": lambda b: _twice(b, b'"sub":"p-1"'),
    "119 sub twice by escape": lambda b: _twice(b, b'"s\\u0075b":"p-1"'),
    "119 header member twice": lambda b: b.sealed(
        b'{"alg":"EdDSA","typ":"at+jwt","kid":"k2","kid":"k1"}', json.dumps(b.claims).encode()),
    "119 padded": lambda b: b.bent() + "==",
    "119 leading space": lambda b: " " + b.bent(),
    "119 trailing line break": lambda b: b.bent() + "\n",
    "119 space inside": lambda b: b.bent().replace(".", ". ", 1),
    "119 other spelling of the same bytes": lambda b: _loose(b.bent()),
    "119 standard alphabet": lambda b: b.bent()[:-4] + "+/+/",
    "four parts": lambda b: b.bent() + ".x",
    "two parts": lambda b: b.bent().rpartition(".")[0],
    "empty": lambda b: "",
    "not ASCII": lambda b: b.bent() + "é",
    "over 8 KB": lambda b: b.bent(x="y" * 8_192),
    "changed claim": lambda b: b.bent().replace(b.bent().split(".")[1], b.bent(sub="p-1").split(".")[1]),
    "sub not a person": lambda b: b.bent(sub="admin"),
    "sub with a line break": lambda b: b.bent(sub="p-1\n"),
    "sub full-width": lambda b: b.bent(sub="p-１"),
    "sub a list": lambda b: b.bent(sub=["p-1"]),
    "jti empty": lambda b: b.bent(jti=""),
    "jti a number": lambda b: b.bent(jti=7),
    "claims a list": lambda b: b.sealed(json.dumps(b.header).encode(), b"[]"),
    "claims nested too deep": lambda b: b.sealed(json.dumps(b.header).encode(), b"[" * 5_000),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_forged_token_is_a_stranger(bench: Bench, name: str) -> None:
    token = FORGED[name](bench)
    with pytest.raises(Stranger) as caught:
        bench.issuers.verify(token, NOW)
    assert str(caught.value) == Stranger.title
    assert not caught.value.members


@pytest.mark.parametrize(("part", "good"), [("YQ", True), ("YR", False), ("YQ=", False), ("Y", False), ("", False)])
def test_base64_has_one_spelling(part: str, good: bool) -> None:
    if good:
        assert _b64(identity._decoded(part)) == part
    else:
        with pytest.raises(Stranger):
            identity._decoded(part)


def test_bench_itself_makes_good_tokens(bench: Bench) -> None:
    """The negative control: unbent, the same machinery is believed; extra claims such as roles are not read."""
    claims = bench.issuers.verify(bench.bent(roles=["security_admin"]), NOW)
    assert claims == identity.Claims(PERSON, "t-1", NOW, NOW, NOW + 600, "k1", "k1")


def test_library_alone_takes_some_of_them(bench: Bench) -> None:
    """The negative control of our own checks: PyJWT believes at least these."""
    for name in ("119 sub twice", "114 lifetime over the maximum", "115 id token"):
        jwt.decode(FORGED[name](bench), bench.pem, ["EdDSA"], audience="mandate", options={"verify_iat": False,
                   "verify_nbf": False, "verify_exp": False})  # fmt: skip


@pytest.mark.parametrize(("moment", "good"), [
    (NOW - 6, False), (NOW - 5, True), (NOW, True), (NOW + 604.9, True), (NOW + 605, False), (NOW + 10**6, False),
])  # fmt: skip
def test_remembered_or_not_a_token_ends_at_its_time(bench: Bench, moment: float, good: bool) -> None:
    token = bench.bent()
    fresh = Issuers.load(bench.keys)
    warm = Issuers.load(bench.keys)
    warm.verify(token, NOW)
    for issuers in (fresh, warm):
        if good:
            assert issuers.verify(token, moment).sub == PERSON
        else:
            with pytest.raises(Stranger):
                issuers.verify(token, moment)


def test_memory_is_bounded_and_strangers_are_not_remembered(bench: Bench) -> None:
    known = Issuers.load(bench.keys)
    small = Issuers(known._by_kid.values(), remembered=3)
    for number in range(8):
        small.verify(bench.bent(jti=f"t-{number}"), NOW)
        with pytest.raises(Stranger):
            small.verify(bench.bent({"kid": f"x{number}"}), NOW)
    assert len(small._remembered) == 3
    kept = hashlib.sha256(bench.bent(jti="t-7").encode()).digest()
    assert kept in small._remembered


def test_many_threads_agree(bench: Bench) -> None:
    issuers = Issuers(Issuers.load(bench.keys)._by_kid.values(), remembered=2)
    tokens = [bench.bent(sub=f"p-{number}") for number in range(5)] * 20
    with ThreadPoolExecutor(8) as pool:
        assert [claims.sub for claims in pool.map(lambda token: issuers.verify(token, NOW), tokens)] == [
            f"p-{number}" for number in range(5)
        ] * 20


@given(st.binary(max_size=60).map(_b64) | st.text(max_size=40), st.data())
def test_any_text_is_a_stranger(bench: Bench, text: str, data: st.DataObject) -> None:
    parts = bench.bent().split(".")
    parts[data.draw(st.integers(0, 2))] = text
    if ".".join(parts) != bench.bent():
        with pytest.raises(Stranger):
            bench.issuers.verify(".".join(parts), NOW)


@pytest.mark.parametrize(("headers", "token"), [
    ([(b"authorization", b"Bearer a.b.c")], "a.b.c"),
    ([(b"Authorization", b"bEARER a.b.c"), (b"cookie", b"token=x")], "a.b.c"),
    ([], None),
    ([(b"cookie", b"authorization=Bearer a.b.c")], None),
    ([(b"authorization", b"Bearer a.b.c")] * 2, None),
    ([(b"authorization", b"Bearer  a.b.c")], None),
    ([(b"authorization", b"Bearer a.b.c ")], None),
    ([(b"authorization", b"Bearer a.b.c\n")], None),
    ([(b"authorization", b"Bearer a,b")], None),
    ([(b"authorization", b"Bearer")], None),
    ([(b"authorization", b"Basic YTpi")], None),
    ([(b"authorization", b"Bearer " + b"a" * 8_193)], None),
    ([(b"proxy-authorization", b"Bearer a.b.c")], None),
])  # fmt: skip
def test_bearer_is_the_one_header(headers: list[tuple[bytes, bytes]], token: str | None) -> None:
    if token is not None:
        assert identity.bearer(headers) == token
    else:
        with pytest.raises(Stranger):
            identity.bearer(headers)
