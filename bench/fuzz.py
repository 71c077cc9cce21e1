"""`python -m bench.fuzz`: coverage-guided fuzzing of every parser that reads bytes from outside.

A parser accepts only what its printer prints, and refuses everything else with its own class of error. Each target runs
in a process of its own for FUZZ_SECONDS (60); `planted` is a parser with a slip in it and has to be found, otherwise
the other results mean nothing. Needs atheris (bench/torture.lock), which `make torture` installs beside the environment.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    import atheris  # type: ignore[import-untyped]
except ImportError as error:
    raise SystemExit(f"atheris is not installed, so nothing was fuzzed ({error}); run this by `make torture`") from None

with contextlib.redirect_stderr(io.StringIO()), atheris.instrument_imports(include=["api", "audit", "authz"]):
    from api.wire import gate
    from audit import canonical, checkpoint, entry, note, submission, verify, vocabulary  # noqa: F401 a kind must be known to be read
    from audit.checkpoint import ED25519, Checkpoint, Ed25519Signer
    from audit.submission import Submission
    from authz.refusal import Misshapen, Unreadable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))
LONGEST = 4096
GOLDEN = Path(__file__).parent.parent / "tests/golden/entries.json"
WORDS = (b" \n", b"\r\n", b"\n\n", b"old ", "— ".encode(), b"+", b"=", b"\xc2\xa0", b"\xe2\x80\xa8", b"\xed\xa0\x80", b"\\ud800",
         b"\\u0000", b"e\xcc\x81", b"\xef\xbb\xbf", b"\xef\xa4\x80", b"null", b"true", b"1e999", b"-0", b"1.0", b"NaN",
         b"9007199254740992", b"9007199254740993", b"9223372036854775808", b"[[[[", b'{"":', b'"kind":', b"0000-00-00T")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """A parser, its own errors, whether what it accepted is right, and examples to begin with."""

    parse: Callable[[bytes], Any]
    errors: tuple[type[Exception], ...]
    right: Callable[[bytes, Any], bool]
    seeds: Callable[[], list[bytes]]
    canonical: bool = False
    """Whether half of the inputs are printed again as canonical JSON, so that they come past the first comparison."""

    def __call__(self, content: bytes) -> None:
        try:
            found = self.parse(content)
        except self.errors:
            return
        assert self.right(content, found), "accepted, but not printed like this"


# --- examples -------------------------------------------------------------------------------------------------------
def notes() -> list[bytes]:
    signer = Ed25519Signer("log.example/a", ED25519, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    one = checkpoint.sign(Checkpoint("log.example/a", 20852163, bytes(range(32))), signer)
    two = note.Note(one.text, (*one.signatures, note.Signature("证人", b"abcd", b"e")))
    return [note.format(each).encode() for each in (one, two)]


def submissions() -> list[bytes]:
    signed = [note.parse(each) for each in notes()]
    return [Submission(old, (bytes(32),) * old, each).format() for each in signed for old in (0, 1, 3)]


def checkpoints() -> list[bytes]:
    return [Checkpoint("例", size, bytes(32)).text.encode() for size in (0, 1, 2**63 - 1)]


def entries() -> list[bytes]:
    """One entry of every kind of fact."""
    return [each["bytes"].encode() for each in json.loads(GOLDEN.read_text(encoding="utf-8")).values()]


def evidence() -> list[bytes]:
    plain: dict[str, Any] = {
        "format": verify.FORMAT, "number": 42, "checkpoint": notes()[0].decode(), "key": "k", "places": ["64"],
        "entries": [{"number": 42, "bytes": "{}", "path": ["AA=="]}], "policy": {"digest": "d", "files": {"f": "p"}},
        "documents": [{"sha256": "s", "size": 1, "media_type": None}],
        "opened": [{"entry": 42, "path": "/p", "salt": "00", "value": "值"}],
        "trace": [{"check": "chain", "entry": 42, "says": "s"}],
    }  # fmt: skip
    bare = plain | {each: [] for each in ("places", "entries", "documents", "opened", "trace")} | {"policy": None}
    return [verify.printed(plain), verify.printed(bare)]


def bodies() -> list[bytes]:
    return [
        b'{"division":"640324","changes":[{"field":"wage_income","before":1200000,"after":null}],"ok":true}',
        '["马\\u5c0f花","e\\u0301é","\ufa11","\\ud83d\\ude00\u200d\U0001f600",-1,0,9007199254740992]'.encode(),
        b"[1.5e300,-2.25,1E-7,0.0]", b"[" * 32 + b"]" * 32, b"[" * 33 + b"]" * 33, b"[" * 3000, b'{"a":' * 2000, b"1" * 1001,
    ]  # fmt: skip


# --- targets --------------------------------------------------------------------------------------------------------
def text(content: bytes) -> str:
    """Any bytes at all as text, with lone surrogates for what is not UTF-8."""
    return content.decode("utf-8", "surrogateescape")


def again(fractions: bool) -> Callable[[bytes, Any], bool]:
    """Whether a value that left the gate goes through it unchanged, in either spelling of JSON."""

    def right(_: bytes, found: Any) -> bool:
        spelt = [json.dumps(found, ensure_ascii=each).encode() for each in (True, False)]
        return all(gate.parse(each, fractions=fractions) == found for each in spelt)

    return right


def reads_blanks(content: bytes) -> note.Note:
    """The planted slip: blanks at the end of a line are passed over."""
    return note.parse(content.replace(b" \n", b"\n"))


def prints(content: bytes, found: note.Note) -> bool:
    return note.format(found).encode() == content


GATE = (Unreadable, Misshapen)
TARGETS = {
    "planted": Target(reads_blanks, (note.BadNote,), prints, notes),
    "note": Target(note.parse, (note.BadNote,), prints, notes),
    "checkpoint": Target(lambda content: checkpoint.parse(text(content)), (checkpoint.BadCheckpoint,),
                         lambda content, found: found.text == text(content), checkpoints),
    "entry": Target(entry.parse, (canonical.Malformed,), lambda content, found: entry.encode(found) == content, entries, True),
    "submission": Target(Submission.parse, (submission.Malformed,), lambda content, found: found.format() == content,
                         submissions),
    "evidence": Target(verify.parse, (verify.BadEvidence,), lambda content, found: verify.printed(found) == content,
                       evidence, True),
    "gate": Target(gate.parse, GATE, again(False), bodies),
    "gate-fractions": Target(lambda content: gate.parse(content, fractions=True), GATE, again(True), bodies),
}  # fmt: skip


# --- one target, in its own process ---------------------------------------------------------------------------------
def reprinted(content: bytes, longest: int, seed: int) -> bytes:
    """A mutation, every other time printed again as canonical JSON where it still is JSON."""
    changed = bytes(atheris.Mutate(content, longest))
    if seed % 2:
        try:
            found = canonical.canonical(json.loads(changed))
        except (ValueError, RecursionError):
            return changed
        return found if len(found) <= longest else changed
    return changed


def fuzz(target: Target, options: list[str]) -> None:
    """Until libFuzzer has had enough; a finding ends the process with a status that is not 0."""
    atheris.Setup([sys.argv[0], *options], target, **({"custom_mutator": reprinted} if target.canonical else {}))
    atheris.Fuzz()


# --- all of them ----------------------------------------------------------------------------------------------------
def run(name: str, folder: Path) -> bool:
    """Fuzz one target and print what came of it; whether a finding was made."""
    corpus = folder / name / "corpus"
    corpus.mkdir(parents=True)
    for number, each in enumerate(TARGETS[name].seeds()):
        (corpus / str(number)).write_bytes(each)
    words = folder / name / "words"
    words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in each) + '"\n' for each in WORDS))
    options = [f"-max_total_time={SECONDS}", f"-max_len={LONGEST}", f"-dict={words}", "-timeout=10", "-print_final_stats=1",
               f"-artifact_prefix={folder / name}/", str(corpus)]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "bench.fuzz", name, *options],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    said = done.stdout + done.stderr
    runs, covered = re.findall(r"number_of_executed_units:\s*(\d+)", said), re.findall(r"cov: (\d+)", said)
    bad = bool(done.returncode or not runs)
    print(f"| {name:<16} | {runs[-1] if runs else '?':>10} inputs | {covered[-1] if covered else '?':>6} places reached |",
          "found something" if bad else "nothing found", flush=True)  # fmt: skip
    kept = [file for file in (folder / name).iterdir() if file.is_file() and file != words]
    if bad and name != "planted":
        print(said[-4000:])
        for file in kept:
            print(f"{file}: {file.read_bytes()!r}")
    # A process that died of something else, such as an import, has found nothing.
    return bad and (bool(kept) or name != "planted")


def main() -> int:
    """1 if any parser slipped, or if the planted slip was not found."""
    if len(sys.argv) > 1:
        fuzz(TARGETS[sys.argv[1]], sys.argv[2:])
        return 0
    folder = Path(tempfile.mkdtemp(prefix="mandate-fuzz-"))
    found = {name for name in TARGETS if run(name, folder)}
    if found == {"planted"}:
        shutil.rmtree(folder)
        return 0
    if "planted" not in found:
        print("the planted slip was not found: the fuzzer is blind, and the rest proves nothing")
    print(f"findings: {sorted(found - {'planted'})}, kept for a look: {folder}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
