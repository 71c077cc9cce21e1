"""The two READMEs say what is so: their commands are played, their claims compared."""

from __future__ import annotations

import argparse
import fnmatch
import inspect
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import worlds
from acts import law
from conftest import World

from api import cli, settings
from api.demo import scenes, world_bodies, world_people

ROOT = Path(__file__).parent.parent
ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
READMES = (ENGLISH, CHINESE)
SECTIONS = {
    "What it is": "这是什么", "Run it": "怎么用起来", "For whom": "谁用它做什么", "Ten scenarios": "十个场景",
    "Three trips": "试办三件事", "What else it does": "还能做什么", "Whom you have to trust": "可信边界", "Witnesses": "见证人", "Evidence": "证据文件",
    "What is not there yet": "暂未提供", "Words": "用语", "Where things are": "文件目录", "Commands": "命令",
    "Sources": "数据来源",
}  # fmt: skip
SITE = "http://127.0.0.1:8080"


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(name: str, title: str) -> str:
    """The text under a heading of the English README, in either language."""
    heading = title if name == ENGLISH else SECTIONS[title]
    return re.split(r"^## ", text(name).split(f"\n## {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def table(name: str, title: str) -> list[list[str]]:
    """The rows of the table in a section, without its head."""
    rows = [line.strip("|").split("|") for line in section(name, title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def ticked(written: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", written)


# --- both languages -------------------------------------------------------------------------------------------------
def test_both_languages_have_the_same_sections() -> None:
    headings = {name: re.findall(r"^## (.+)$", text(name), re.MULTILINE) for name in READMES}
    assert headings[ENGLISH] == list(SECTIONS)
    assert headings[CHINESE] == list(SECTIONS.values())


@pytest.mark.parametrize("title", ["Words", "Where things are", "Commands"])
def test_both_tables_name_the_same_things(title: str) -> None:
    named = [sorted(each for row in table(name, title) for each in ticked(" ".join(row))) for name in READMES]
    assert named[0] == named[1] != []


@pytest.mark.parametrize("title", ["Whom you have to trust", "For whom", "What else it does"])
def test_neither_language_promises_more(title: str) -> None:
    counts = {len(re.findall(r"^\* ", section(name, title), re.MULTILINE)) for name in READMES}
    assert len(counts) == 1


def test_both_trips_are_the_same_calls() -> None:
    assert calls(ENGLISH) == calls(CHINESE)


def bare(script: str) -> list[str]:
    """The lines of a script, or of the blocks of a section, without comments."""
    lines = (re.sub(r"(^|\s+)# .*", "", line).strip() for line in script.splitlines())
    return [re.sub(" +", " ", line) for line in lines if line]


@pytest.mark.parametrize("title", ["Whom you have to trust", "Witnesses", "Evidence"])
def test_both_languages_paste_the_same(title: str) -> None:
    pasted = [re.findall(r"```\w+\n(.*?)```", section(name, title), re.DOTALL) for name in READMES]
    assert [bare(each) for each in pasted[0]] == [bare(each) for each in pasted[1]] != []


def test_the_commands_that_catch_him_are_those_that_are_run() -> None:
    block = re.findall(r"```sh\n(.*?)```", section(ENGLISH, "Whom you have to trust"), re.DOTALL)[0]
    assert bare(block) == bare(text("docs/trust.sh")) != []
    assert bare(block.replace("--paper ", "")) != bare(block)


# --- commands -------------------------------------------------------------------------------------------------------
def targets() -> set[str]:
    """The targets of the Makefile that say what they do."""
    return set(re.findall(r"^([a-z]+):.*## \S", text("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("name", READMES)
def test_every_make_command_exists_and_is_told(name: str) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", text(name), re.MULTILINE))
    assert named == targets() - {"help"}


def test_the_two_commands_are_the_first() -> None:
    assert all(re.findall(r"```sh\n(.*?)```", text(name), re.DOTALL)[0] == "make run\nmake test\n" for name in READMES)


@pytest.mark.parametrize("name", READMES)
def test_every_word_of_the_command_line_exists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for word in sorted(set(re.findall(r"mandate ([a-z]+)", text(name)))):
        with pytest.raises(SystemExit) as ended:
            cli.main([word, "--help"])
        assert ended.value.code == 0, capsys.readouterr().err


def commands() -> set[tuple[str, ...]]:
    """Every command as it is parsed, with each of its actions."""
    subparsers = next(each for each in cli._parser()._actions if isinstance(each, argparse._SubParsersAction))
    found: set[tuple[str, ...]] = set()
    for word, parser in subparsers.choices.items():
        actions = [choice for each in parser._actions for choice in each.choices or ()]
        found |= {(word, each) for each in actions} or {(word,)}
    return found


@pytest.mark.parametrize("name", READMES)
def test_every_command_of_the_command_line_is_told(name: str) -> None:
    told = [each.split()[1:] for row in table(name, "Commands") for each in ticked(" ".join(row)) if "mandate " in each]
    assert [each for each in commands() if not any(tuple(words[: len(each)]) == each for words in told)] == []
    assert ("policies", "adopt") in commands()


@pytest.mark.parametrize("name", READMES)
def test_every_route_that_is_named_exists(name: str) -> None:
    known = {(verb, path) for path, verbs in json.loads(text("openapi.json"))["paths"].items() for verb in verbs}
    named = re.findall(r"`(GET|POST|PUT) (/[^`\s?]+)", text(name))
    assert len(named) > 8
    assert {(verb.lower(), re.sub(r"\{\w+\}", "{id}", path)) for verb, path in named} <= {
        (verb, re.sub(r"\{\w+\}", "{id}", path)) for verb, path in known
    }


@pytest.mark.parametrize("name", READMES)
def test_every_setting_exists(name: str) -> None:
    known = {f"MANDATE_{each.upper()}" for each in settings.Settings.__dataclass_fields__}
    assert set(re.findall(r"MANDATE_[A-Z_]+", text(name))) <= known


# --- the map and the words ------------------------------------------------------------------------------------------
def folders() -> set[str]:
    """The folders of the repository; what `.gitignore` names is of this machine alone."""
    ignored = [each.rstrip("/") for each in text(".gitignore").split()]
    found = {each.name for each in ROOT.iterdir() if each.is_dir() and (each.name[0] != "." or each.name == ".ci")}
    return {each for each in found if not any(fnmatch.fnmatch(each, pattern) for pattern in ignored)}


@pytest.mark.parametrize("name", READMES)
def test_the_map_is_whole_and_true(name: str) -> None:
    places = [ticked(row[0])[0] for row in table(name, "Where things are")]
    assert [place for place in places if not (ROOT / place).exists()] == []
    assert {place.split("/")[0] for place in places if "/" in place} == folders()


@pytest.mark.parametrize("name", READMES)
def test_every_file_that_is_named_exists(name: str) -> None:
    named = [each for each in ticked(text(name)) if re.fullmatch(r"[\w.]+(/[\w.-]+)+\.\w+", each)]
    assert named
    assert [each for each in named if not (ROOT / each).exists()] == []


@pytest.mark.parametrize("name", READMES)
def test_every_word_of_the_glossary_is_one_of_the_code(name: str) -> None:
    places = [file for top in ("api", "authz", "audit") for file in (ROOT / top).rglob("*.py")]
    code = "\n".join(file.read_text(encoding="utf-8") for file in (*places, *(ROOT / "policies").glob("*.*")))
    words = [each for row in table(name, "Words") for each in ticked(row[1] + row[2])]
    assert len(words) > 20
    assert [each for each in words if not re.search(rf"\b{re.escape(each)}\b", code)] == []


# --- numbers --------------------------------------------------------------------------------------------------------
def numbers() -> dict[str, tuple[int, str, str]]:
    """What is counted: how many there are, and how each README says so."""
    divisions, catalogue = law().divisions, law().policy.catalogue
    towns = world_bodies.townships(divisions)
    return {
        "divisions": (len(divisions), "the {:,} divisions", "宁夏 {:,} 个行政区划"),
        "departments": (len(world_bodies.DEPARTMENTS), "{} departments", "{} 个部门"),
        "townships": (len(towns), "{} townships", "{} 个乡镇"),
        "villages": (len(world_bodies.villages(divisions)), "{} villages and neighbourhoods", "{} 个村和社区"),
        "cells": (len(catalogue.cells), "one of {}:", "共 {} 类"),
        "operations": (len(catalogue.operations), "the {} operations", "{} 种操作"),
        "hundreds of people": (round(len(world_people.holders(divisions)), -2), "about {} people", "约 {} 名人员"),
    }


@pytest.mark.parametrize("what", list(numbers()))
def test_the_numbers_are_those_of_the_data(what: str) -> None:
    count, english, chinese = numbers()[what]
    assert english.format(count) in text(ENGLISH)
    assert chinese.format(count) in text(CHINESE)


def test_the_clauses_are_those_the_policies_cite() -> None:
    cited = {
        each
        for file in (ROOT / "policies").glob("*.*")
        for each in re.findall(r"\bS\d\d\b", file.read_text(encoding="utf-8"))
    }
    assert cited <= {f"S{n:02}" for n in range(1, 53)}
    assert "S01 to S52" in text(ENGLISH)
    assert "S01 至 S52" in text(CHINESE)


# --- scenarios ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "shown", "later"), [(ENGLISH, "shown", "not yet"), (CHINESE, "已有", "尚无")])
def test_the_scenarios_are_those_of_the_demo(name: str, shown: str, later: str) -> None:
    rows = table(name, "Ten scenarios")
    assert [int(row[0]) for row in rows] == list(range(1, len(scenes.SCENES) + 1))
    missing = ["raise NotYet" in inspect.getsource(scene) for _, scene in scenes.SCENES]
    assert [row[2] for row in rows] == [later if each else shown for each in missing]


def test_the_scenarios_bear_the_names_the_demo_prints() -> None:
    rows = table(CHINESE, "Ten scenarios")
    assert [title for (title, _), row in zip(scenes.SCENES, rows, strict=True) if not row[1].startswith(title)] == []


# --- the trips ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Call:
    """One curl of a README: as whom, what, and the status it promises."""

    person: str
    verb: str
    path: str
    body: str | None
    status: int


def calls(name: str) -> list[Call]:
    """Every curl of the three trips, read as a shell would read it."""
    block = re.findall(r"```sh\n(.*?)```", section(name, "Three trips"), re.DOTALL)[0]
    found, person, words = [], "", ""
    for line in block.splitlines():
        if token := re.fullmatch(r"TOKEN=\$\(\.venv/bin/mandate token (p-\d+)\)", line):
            person = token[1]
            continue
        words += line + "\n"
        if status := re.search(r"  # (\d{3})\n$", words):
            found.append(called(person, shlex.split(words[: status.start()], comments=True), int(status[1])))
            words = ""
    assert not [line for line in words.splitlines() if not line.startswith("#")]
    return found


def called(person: str, words: list[str], status: int) -> Call:
    assert words[:2] == ["curl", "-s"], words
    options = dict(zip(words[3::2], words[4::2], strict=True)) if len(words) % 2 else {}
    assert "Authorization: Bearer $TOKEN" in words
    assert words[2].startswith(f"{SITE}/")
    body = options.get("-d")
    return Call(person, "GET" if body is None else "POST", words[2].removeprefix(SITE), body, status)


def played(town: worlds.Town, call: Call) -> int:
    body: Any = None if call.body is None else json.loads(call.body)
    return int(town.ask(call.verb, call.path, call.person, body).status_code)


def test_the_trips_go_as_they_say(database: World) -> None:
    trips = calls(ENGLISH)
    assert {call.status for call in trips} == {200, 201, 403}
    with worlds.Town(database) as town:
        assert [played(town, call) for call in trips] == [call.status for call in trips]


def test_a_trip_that_goes_otherwise_is_noticed(database: World) -> None:
    with worlds.Town(database) as town:
        wrong = [Call("p-2001", each.verb, each.path, each.body, each.status) for each in calls(ENGLISH)]
        assert [played(town, call) for call in wrong] != [call.status for call in wrong]
