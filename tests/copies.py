"""A live log to be tampered with: its ledger, its keeper, its key, one witness, and an intruder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from acts import Ask, Say, caller, employ, loaded, raising, running, sealed, submitted
from conftest import World
from sqlalchemy import Engine, create_engine

from api.commands import verifying
from audit import checkpoint, fsck, keyring, note, proof, signing
from audit.checkpoint import COSIGNATURE, Checkpoint, Cosigner, Ed25519Signer
from audit.keeper import Keeper
from audit.ledger import Ledger
from audit.submission import Submission
from audit.tree import Edge, leaf
from audit.witness import Shelf, Witness
from authz import refusal
from authz.founding import LogOpened
from authz.household import ask_move
from authz.register import Reads
from authz.signing import Heartbeat
from bench.intruder import Intruder, changed

ORIGIN = "mandate.test/log"
NUMBERS = {"checkpoint_seconds": 3600, "heartbeat_seconds": 3600, "log_sm3": 0, "idempotency_hours": 24}
BEATS = 260
REFUSED, MOVED = 8, 7


@dataclass
class Copy:
    """A live log with its keeper and one witness; every act has been signed and cosigned."""

    world: World
    ledger: Ledger
    keeper: Keeper
    folder: Path
    intruder: Intruder
    engine: Engine
    witness: Witness

    def check(self, *trusted: Checkpoint) -> fsck.Report:
        return fsck.check(self.engine, None, trusted)

    def found(self, *trusted: Checkpoint) -> tuple[str, int | None]:
        report = self.check(*trusted)
        return (report.verdict, report.findings[0].number) if report.findings else ("OK", None)

    def beside(self) -> Checkpoint:
        """The last checkpoint beside the key."""
        return verifying.stated((self.folder / f"{keyring.stem(ORIGIN)}.last").read_text(encoding="utf-8"))

    def held(self) -> Checkpoint:
        """What the witness holds."""
        kept = self.witness.held(ORIGIN)
        assert kept is not None
        return checkpoint.parse(kept.text)

    def submit(self) -> int:
        """Hand the newest signed checkpoint to the witness, with the best proof this database can give; the status."""
        with self.engine.connect() as connection:
            published = signing.published(connection, ORIGIN)
        assert published is not None
        kept = self.witness.held(ORIGIN)
        old = 0 if kept is None else checkpoint.parse(kept.text).size
        leaves = [leaf(each) for each in self.intruder.contents()]

        def node(level: int, index: int) -> bytes:
            return Edge().extend(leaves[index << level : (index + 1) << level]).root

        path = proof.consistency(old, published.size, node) if 0 < old < published.size else ()
        asked = Submission(min(old, published.size), path, note.parse(published.note))
        return self.witness.add_checkpoint(asked.format(), 1_800_000_000).status

    def forge(self, old: bytes = b'"no_grant"', new: bytes = b'"no_role"', number: int = REFUSED) -> list[bytes]:
        """Rewrite an entry, its hash and the whole tree."""
        forged = changed(self.intruder.contents(), number, old, new)
        self.intruder.rewrite(forged)
        return forged

    def sign(self, contents: list[bytes]) -> None:
        self.intruder.sign(self.folder, ORIGIN, contents)


@contextmanager
def living(database: World, folder: Path) -> Iterator[Copy]:
    """The copy, checked to be sound."""
    with ExitStack() as stack:
        ledger = stack.enter_context(running(database.engine))
        keeper = Keeper(create_engine(database.app_url), ledger, ORIGIN, folder / "log", NUMBERS.__getitem__,
                        lambda fact: ledger.record(Say(facts=(fact,))))  # fmt: skip
        stack.callback(keeper.engine.dispose)
        stack.callback(keeper._hang_up)
        engine = create_engine(database.superuser_url)
        stack.callback(engine.dispose)
        ledger.record(Say(facts=(LogOpened(origin=ORIGIN, purpose="service"),)))
        keeper.turn()
        cosigner = Cosigner(Ed25519Signer.create(folder / "w.key", "witness.test", COSIGNATURE))
        with engine.connect() as connection:
            witness = Witness(cosigner, {ORIGIN: keyring.verifiers(connection)}, Shelf(folder / "shelf"))
        made = Copy(database, ledger, keeper, folder / "log", Intruder(engine), engine, witness)
        fill(made)
        assert made.found(made.beside(), made.held()) == ("OK", None)
        yield made


def fill(made: Copy) -> None:
    """A person with a name in the vault, a post, households, a move with its reason, a refusal, and heartbeats."""
    ledger = made.ledger

    def signed() -> None:
        made.keeper.turn()
        assert made.submit() == 200

    signed()
    employ(ledger, "p-1", "u-640324-lead", "county_admin")
    signed()
    ledger.record(Say(facts=(loaded("h-1", "h-2"),)))
    signed()
    kept, commitments = sealed({"/reason": "迁居"})
    move = Say(facts=lambda scene: (ask_move(scene.rows.households["h-1"], "640324100202", commitments["/reason"]),),
               needs=Reads(households=frozenset(("h-1",))), sealed=kept)  # fmt: skip
    ledger.record(Say(facts=(Heartbeat(),)))
    signed()
    assert ledger.record(move).number == MOVED
    signed()
    assert submitted(ledger, [Ask(facts=raising(refusal.NoGrant()), caller=caller("p-1"))])[0].number == REFUSED
    signed()
    ledger.record(Say(facts=tuple(Heartbeat() for _ in range(BEATS))))
    signed()
