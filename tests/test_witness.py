"""A witness never puts its name to two histories: every answer by a table, the promise by random stories and races."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import chronicles
import pytest
from chronicles import AT, EYES, LOG, ORIGIN, STRANGER, Chronicle
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import checkpoint, note
from audit.checkpoint import Checkpoint
from audit.note import Note
from audit.submission import Submission
from audit.witness import SIZE, DamagedState, Shelf, Verdict, Witness

LONG = Chronicle("abcdefghijklm")
FORK = Chronicle("abcdeFGHIJKLM")
SHORT = 5


def text(held: Note | None) -> str | None:
    return None if held is None else held.text


def signed_by(letters: str, asked: Submission) -> Submission:
    return replace(asked, note=Chronicle(letters).signed())


BAD = Note(LONG.signed().text, (replace(LONG.signed().signatures[0], blob=b"\x01" * 64),))
OTHER_NAME = replace(LONG.signed().signatures[0], name="somebody.else")
BOTH = Note(LONG.signed().text, (OTHER_NAME, *LONG.signed().signatures))
NOTHING = "nothing"
# what is held (letters and size, or nothing), the submission, and the answer: status and body
TABLE = [
    ("first", None, LONG.asked(0), 200, None),
    ("first, at size 0", None, Chronicle("").asked(0), 200, None),
    ("growth", SHORT, LONG.asked(SHORT), 200, None),
    ("growth by one", 12, LONG.asked(12), 200, None),
    ("the same once more", 13, LONG.asked(13), 200, None),
    ("growth from a held size 0", 0, LONG.asked(0), 200, None),
    ("unknown signatures beside the good one", SHORT, replace(LONG.asked(SHORT), note=BOTH), 200, None),
    ("another origin", SHORT, replace(LONG.asked(SHORT), note=LONG.signed(origin="other.test/log")), 404, ""),
    ("no known key", SHORT, replace(LONG.asked(SHORT), note=LONG.signed(signer=STRANGER)), 403, ""),
    ("a bad signature of the known key", SHORT, replace(LONG.asked(SHORT), note=BAD), 403, ""),
    ("no known key, though the old size is wrong", 4, replace(LONG.asked(5), note=LONG.signed(signer=STRANGER)), 403, ""),
    ("old above the checkpoint", SHORT, Submission(14, (), LONG.signed()), 400, ""),
    ("a checkpoint below what is held", 13, Chronicle("abcde").asked(5), 409, "13\n"),
    ("nothing held, yet an old size", None, LONG.asked(5), 409, "0\n"),
    ("something held, yet old 0", SHORT, LONG.asked(0), 409, "5\n"),
    ("another old size", SHORT, LONG.asked(7), 409, "5\n"),
    ("a fork further on", 7, replace(LONG.asked(7), note=FORK.signed()), 422, ""),
    ("a fork with its own proof", 7, FORK.asked(7), 422, ""),
    ("a fork of the same size", 13, FORK.asked(13), 409, "13\n"),
    ("no proof", SHORT, replace(LONG.asked(SHORT), proof=()), 422, ""),
    ("half a proof", SHORT, replace(LONG.asked(SHORT), proof=LONG.path(5, 13)[:-1]), 422, ""),
    ("one hash too many", SHORT, replace(LONG.asked(SHORT), proof=(*LONG.path(5, 13), LONG.root(1))), 422, ""),
    ("a proof where none belongs", 13, replace(LONG.asked(13), proof=(LONG.root(1),)), 422, ""),
    ("a proof from nothing", None, replace(LONG.asked(0), proof=(LONG.root(1),)), 422, ""),
    ("a root at size 0", None, Submission(0, (), checkpoint.sign(Checkpoint(ORIGIN, 0, LONG.root(1)), LOG)), 409, "0\n"),
]  # fmt: skip


@pytest.mark.parametrize(("held", "asked", "status", "body"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_an_answer_of_the_table(
    tmp_path: Path, held: int | None, asked: Submission, status: int, body: str | None
) -> None:
    witness = chronicles.witness(tmp_path)
    if held is not None:
        assert witness.add_checkpoint(LONG.asked(0, held).format(), AT).status == 200
    before = text(witness.held(ORIGIN))
    told = witness.add_checkpoint(asked.format(), AT + 1)
    assert told.status == status, told
    after = witness.held(ORIGIN)
    if status == 200:
        cosigned = note.parse(f"{asked.note.text}\n{told.body}")
        (signature,) = checkpoint.verify(cosigned, (EYES.verifier,))
        assert checkpoint.stamp(signature.blob) == AT + 1
        assert after is not None
        assert after.text == asked.note.text
        assert len(checkpoint.verify(after, (LOG.verifier, EYES.verifier))) == 2
    else:
        assert text(after) == before
        assert told.kind == SIZE if status == 409 else told.kind != SIZE
        assert not body or told.body == body


def test_what_is_no_checkpoint_is_malformed(tmp_path: Path) -> None:
    """Extension lines and a line before are none of ours, though the key has signed them."""
    for told in (LONG.checkpoint().text + "more\n", "\n" + LONG.checkpoint().text):
        signature = replace(LONG.signed().signatures[0], blob=LOG.sign(told.encode()))
        asked = Submission(0, (), Note(told, (signature,)))
        assert chronicles.witness(tmp_path).add_checkpoint(asked.format(), AT).status == 400


# --- the promise ----------------------------------------------------------------------------------------------------
STORY = st.lists(
    st.tuples(
        st.sampled_from(["", "abc", "abcdefgh", "abcdefghij", "abcdeFGHIJ", "aBCDEFGHIJKLMN", "abcdefghijklmnop"]),
        st.integers(0, 16),
        st.integers(0, 16),
        st.sampled_from(["honest", "no proof", "another's proof", "restart"]),
    ),
    max_size=20,
)


def consistent(letters: list[str]) -> bool:
    """The oracle: every history is the beginning of the next longer one."""
    ordered = sorted(letters, key=len)
    return all(longer.startswith(shorter) for shorter, longer in itertools.pairwise(ordered))


def told(witness: Witness, letters: str, old: int, size: int, how: str) -> tuple[Verdict, str]:
    """Ask by one move of a story; the answer and the history it was about."""
    whole = Chronicle(letters)
    size = min(size, len(letters))
    path = whole.path(old, size) if 0 < old <= size else ()
    if how == "no proof":
        path = ()
    if how == "another's proof" and 0 < old <= min(size, 10):
        path = Chronicle("abcdefghijklmnop").path(old, size)
    return witness.add_checkpoint(Submission(old, path, whole.signed(size)).format(), AT), letters[:size]


@given(STORY)
@settings(max_examples=60, deadline=None)
def test_no_story_makes_it_cosign_two_histories(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[str, int, int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("shelf")
    witness, cosigned = chronicles.witness(folder), [""]
    for letters, old, size, how in story:
        if how == "restart":
            witness = chronicles.witness(folder)
        held = checkpoint.parse(text(witness.held(ORIGIN)) or Chronicle("").checkpoint().text)
        for believed in {old, held.size}:
            answer, history = told(witness, letters, believed, size, how)
            if answer.status == 200:
                assert len(history) >= len(cosigned[-1])
                cosigned.append(history)
            honest = history.startswith(cosigned[-1]) and how in ("honest", "restart")
            if honest and believed == len(cosigned[-1]):
                assert answer.status == 200
    assert consistent(cosigned)


class Forgetful(Shelf):
    """The negative control: a shelf that stores nothing."""

    def keep(self, origin: str, kept: Note) -> None:
        return


def test_a_witness_without_memory_cosigns_a_fork(tmp_path: Path) -> None:
    lost = Witness(chronicles.witness(tmp_path).cosigner, {ORIGIN: (LOG.verifier,)}, Forgetful(tmp_path))
    assert [lost.add_checkpoint(each.asked(0).format(), AT).status for each in (LONG, FORK)] == [200, 200]
    assert not consistent([LONG.letters, FORK.letters])
    sound = chronicles.witness(tmp_path)
    assert [sound.add_checkpoint(each.asked(0).format(), AT).status for each in (LONG, FORK)] == [200, 409]


# --- memory ---------------------------------------------------------------------------------------------------------
def test_of_rivals_at_the_same_moment_one_wins(tmp_path: Path) -> None:
    """Thirty-two threads with as many histories of one size, each with a process's own view of the folder."""
    rivals = [Chronicle("abc" + letter * 4) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"]
    chronicles.witness(tmp_path).add_checkpoint(Chronicle("abc").asked(0).format(), AT)
    gate, statuses = threading.Barrier(len(rivals)), []

    def ask(rival: Chronicle) -> None:
        witness = chronicles.witness(tmp_path)
        gate.wait()
        statuses.append(witness.add_checkpoint(rival.asked(3).format(), AT).status)

    threads = [threading.Thread(target=ask, args=(each,)) for each in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, *[409] * 31]


KILLED = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
import chronicles
from audit import checkpoint
written = checkpoint.write
def write(path, text):
    if WHEN == "after":
        written(path, text)
    os._exit(9)
checkpoint.write = write
WHEN = os.environ["WHEN"]
chronicles.witness(Path(sys.argv[1])).add_checkpoint(chronicles.Chronicle("abcdefghijklm").asked(5).format(), 1)
"""


@pytest.mark.parametrize(("when", "held"), [("before", 5), ("after", 13)])
def test_a_crash_between_storing_and_answering_harms_nothing(tmp_path: Path, when: str, held: int) -> None:
    """The process is killed in the middle: nothing was signed, and the one history goes on where the disk says."""
    witness = chronicles.witness(tmp_path)
    witness.add_checkpoint(LONG.asked(0, 5).format(), AT)
    (tmp_path / "left.new").write_text("what an earlier crash left", encoding="utf-8")
    here = Path(__file__).parent
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(here), str(here.parent)],
        env={**os.environ, "WHEN": when}, check=False,
    )  # fmt: skip
    assert killed.returncode == 9
    again = chronicles.witness(tmp_path)
    assert checkpoint.parse(text(again.held(ORIGIN)) or "").size == held
    if held == LONG.size():
        assert again.add_checkpoint(FORK.asked(held).format(), AT).status == 409
    assert again.add_checkpoint(LONG.asked(held).format(), AT).status == 200


def test_it_stores_before_it_answers(tmp_path: Path) -> None:
    """A full disk: no signature leaves."""
    witness = chronicles.witness(tmp_path)
    witness.add_checkpoint(LONG.asked(0, 5).format(), AT)

    class Full(Shelf):
        def keep(self, origin: str, kept: Note) -> None:
            raise OSError(28, "no space")

    witness.shelf = Full(tmp_path)
    with pytest.raises(OSError, match="no space"):
        witness.add_checkpoint(LONG.asked(5).format(), AT)
    assert chronicles.witness(tmp_path).add_checkpoint(LONG.asked(5, 9).format(), AT).status == 200


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"x",
        LONG.signed(origin="other.test/log").text.encode(),
        note.format(LONG.signed(origin="other.test/log")).encode(),
    ],
)
def test_a_damaged_memory_is_no_empty_memory(tmp_path: Path, damage: bytes) -> None:
    witness = chronicles.witness(tmp_path)
    witness.add_checkpoint(LONG.asked(0).format(), AT)
    (file,) = tmp_path.glob("*.note")
    file.write_bytes(damage)
    with pytest.raises(DamagedState):
        witness.add_checkpoint(FORK.asked(0).format(), AT)


def test_a_signed_fork_is_kept_as_proof(tmp_path: Path) -> None:
    witness = chronicles.witness(tmp_path)
    for each in (LONG, FORK, Chronicle("ABCDEFGHIJKLM")):
        witness.add_checkpoint(each.asked(0 if each is LONG else 13).format(), AT)
    (file,) = tmp_path.glob("*.disputed")
    kept = note.parse(file.read_bytes())
    assert kept.text == FORK.signed().text
    assert checkpoint.verify(kept, (LOG.verifier,))
    assert {each.stat().st_mode & 0o077 for each in tmp_path.iterdir()} == {0}
