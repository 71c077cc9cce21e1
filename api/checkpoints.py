"""The signing of checkpoints as this process runs it: where its keys lie, what it may write, and how a key is replaced."""

from __future__ import annotations

from pathlib import Path

from api import founding, pep
from api.database import Database, open_engine
from api.deployment import Deployment
from api.founding import Deed, Quiet
from api.settings import Misconfigured
from audit import ceremony, cosignature, halt, head, keyring, signing
from audit.batch import Laws
from audit.checkpoint import Verifier
from audit.keeper import Keeper
from audit.note import BadNote
from audit.signing import Consult, Halted
from authz.fact import Fact
from authz.signing import HaltLifted

FOLDER = "log"


def keeper(deployment: Deployment, consult: Consult | None = None) -> Keeper:
    """The keeper of this process. Its ledger must run before it starts, and stop before it stops."""

    def record(fact: Fact) -> None:
        kind = Deed if fact.authority else Quiet
        deployment.ledger.record(kind(ref=pep.new_ref(), facts=(fact,)))

    return Keeper(
        open_engine(deployment.database.app_url, 1), deployment.ledger, deployment.origin,
        deployment.settings.keys / FOLDER, deployment.law.policy.number, record, consult,
    )  # fmt: skip


def halted(database: Database, keys: Path, origin: str) -> str | None:
    """Why nothing may be recorded on this database, before a start has recorded anything; null if nothing speaks
    against it. The witnesses are asked later, by each process."""
    folder = keys / FOLDER
    with cosignature.writing(database.engine) as connection:
        try:
            signing.check(connection, folder, origin)
        except Halted as found:
            return str(found)
        except BadNote:
            return None
        halt.clear(connection, halt.source(folder))
        return halt.others(connection, "")


def rotate(database: Database, laws: Laws, keys: Path, origin: str, device: Path | None = None) -> Verifier:
    """Replace the key in force by a new one, on record and signed by the old; a running service takes it up by itself.

    Safe beside a live signer: the new file is on the disk before the record names it, and who signs reads the record
    anew each time. Misconfigured says why it cannot be done.
    """
    folder = keys / FOLDER
    with ceremony.alone(database.engine) as charter:
        if charter.get("origin") != origin:
            raise Misconfigured(f"这里的日志不是 {origin}。请核对 MANDATE_ORIGIN 和 MANDATE_DATA 后重新操作。")
        if "log_key" not in charter:
            raise Misconfigured("日志还没有签名密钥，无可更换。请先启动一次服务。")
        try:
            with head.reading(database.engine) as connection:
                signing.check(connection, folder, origin)
            fact = keyring.rotate(folder, origin, charter["log_key"], device)
        except (Halted, BadNote) as fault:
            raise Misconfigured(f"{fault}。") from fault
        founding.record(database, laws, [Deed(ref=pep.new_ref(), facts=(fact,))])
    return Verifier.from_vkey(fact.vkey)


def resume(database: Database, laws: Laws) -> tuple[str, ...]:
    """Set aside, on record, what halts the log; what it was. Whoever still finds it halts the log again."""
    with ceremony.alone(database.engine):
        with cosignature.writing(database.engine) as connection:
            found = halt.lift(connection)
        if found:
            verdicts = tuple(each.partition("：")[0] for each in found)
            founding.record(database, laws, [Deed(ref=pep.new_ref(), facts=(HaltLifted(verdicts=verdicts),))])
    return found
