"""Every setting: what is believed, what is refused, and that a refusal names the setting and never repeats its value."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from api.settings import Misconfigured, Settings

PORT = 9000
SECRET = "hunter2"


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = Settings.read({})
    assert settings.address == ("127.0.0.1", 8080)
    assert settings.base_url == "http://127.0.0.1:8080"
    assert settings.data == Path("var").absolute()
    assert settings.keys == settings.data / "keys"
    assert settings.policies == Path(__file__).resolve().parent.parent / "policies"
    assert (settings.workers, settings.proxies, settings.witnesses) == (1, (), None)
    assert (settings.database_url, settings.owner_url, settings.origin) == (None, None, None)


def test_options_win_over_the_environment_and_absent_ones_do_not(tmp_path: Path) -> None:
    environ = {"MANDATE_LISTEN": "127.0.0.1:9000", "MANDATE_DATA": str(tmp_path), "PATH": "/bin"}
    settings = Settings.read(environ, listen=None, workers="4")
    assert (settings.address[1], settings.workers, settings.keys) == (PORT, 4, tmp_path / "keys")
    assert Settings.read(environ, listen="[::1]:80").address == ("::1", 80)


def test_settings_are_frozen_and_do_not_show_a_password() -> None:
    settings = Settings.read({"MANDATE_DATABASE_URL": f"postgresql://a:{SECRET}@localhost/b"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.workers = 2  # type: ignore[misc]
    assert SECRET not in repr(settings)


WRONG = [
    ("LISTEN", "4711"), ("LISTEN", "10.9.8.7:"), ("LISTEN", "127.0.0.1:99999"), ("LISTEN", "1.2.3.4:8O"),
    ("LISTEN", "127.0.0.1:８０８０"), ("BASE_URL", "http://mandate.example.gov.cn"), ("BASE_URL", "ftp://localhost"),
    ("BASE_URL", "https:///"), ("BASE_URL", "https://a.gov.cn/path"), ("BASE_URL", f"https://u:{SECRET}@a.gov.cn"),
    ("BASE_URL", "https://a.gov.cn:x"), ("BASE_URL", "https://[::1"), ("BASE_URL", "https://a.gov.cn?x=1"),
    ("ORIGIN", "https://a.gov.cn/log"), ("ORIGIN", "a gov.cn"), ("ORIGIN", "a+b"), ("ORIGIN", "名称"),
    ("WORKERS", "0"), ("WORKERS", "-1"), ("WORKERS", "two"), ("WORKERS", "65"), ("WORKERS", "２"), ("WORKERS", "1.0"),
    ("PROXIES", "10.0.0.0/33"), ("PROXIES", "0.0.0.0/0"), ("PROXIES", "::/0"), ("PROXIES", "proxy.local"),
    ("PROXIES", "10.0.0.1/24"), ("POLICIES", "/nowhere/at/all"), ("WITNESSES", "/nowhere/at/all"),
    ("OWNER_URL", f"postgresql://o:{SECRET}@localhost/b"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG, ids=[f"{name} {value}" for name, value in WRONG])
def test_a_wrong_value_is_refused_by_name_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=f"MANDATE_{name}") as refusal:
        Settings.read({f"MANDATE_{name}": value})
    assert value not in str(refusal.value).replace("MANDATE_", "")
    assert SECRET not in str(refusal.value)


RIGHT = [
    ("LISTEN", "0.0.0.0:80"), ("LISTEN", "localhost:8080"), ("LISTEN", "[::1]:8080"), ("WORKERS", "64"),
    ("BASE_URL", "https://mandate.example.gov.cn"), ("BASE_URL", "https://a.gov.cn:8443/"), ("BASE_URL", "http://[::1]:8080"),
    ("ORIGIN", "mandate.example.gov.cn/log"), ("PROXIES", "10.0.0.1, 10.1.0.0/24,fd00::/8"), ("WORKERS", " 3 "),
    ("DATABASE_URL", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), RIGHT, ids=[f"{name} {value}" for name, value in RIGHT])
def test_a_right_value_is_accepted(name: str, value: str) -> None:
    Settings.read({f"MANDATE_{name}": value})


def test_an_unknown_setting_is_refused_with_the_one_it_resembles() -> None:
    with pytest.raises(Misconfigured, match=r"MANDATE_DATABASE_ULR.*MANDATE_DATABASE_URL") as refusal:
        Settings.read({"MANDATE_DATABASE_ULR": SECRET})
    assert SECRET not in str(refusal.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(Misconfigured, match=r"(?s)WORKERS.*PROXIES"):
        Settings.read({"MANDATE_WORKERS": "x", "MANDATE_PROXIES": "x"})


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({}, "MANDATE_ORIGIN"),
        ({"MANDATE_ORIGIN": "a.gov.cn/log", "MANDATE_LISTEN": "0.0.0.0:80"}, "MANDATE_BASE_URL"),
        ({"MANDATE_LISTEN": "10.0.0.1:80", "MANDATE_BASE_URL": "https://a.gov.cn"}, "MANDATE_ORIGIN"),
    ],
    ids=["no name for the log", "open to the network without its address", "no name, open"],
)
def test_a_half_configured_service_does_not_start(environ: dict[str, str], missing: str) -> None:
    with pytest.raises(Misconfigured, match=missing):
        Settings.read(environ).for_service()


def test_a_whole_service_starts() -> None:
    whole = {"MANDATE_ORIGIN": "a.gov.cn/log", "MANDATE_LISTEN": "0.0.0.0:80", "MANDATE_BASE_URL": "https://a.gov.cn"}
    settings = Settings.read(whole)
    assert settings.for_service() is settings
    assert settings.hosts == ("a.gov.cn",)
    assert "localhost" in Settings.read({}).hosts
