"""The signing of checkpoints as this process runs it: where its keys lie, what it may write, and how a key is replaced."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from api import founding, pep
from api.database import Database, open_engine
from api.deployment import Deployment
from api.founding import Deed
from audit import ceremony, keyring
from audit.batch import Laws
from audit.checkpoint import Verifier
from audit.keeper import Keeper
from audit.signing import Consult
from authz.fact import Fact

FOLDER = "log"


class Quiet(Deed):
    """A fact that changes nobody's authority."""

    name: ClassVar[str] = "log.beat"
    authority: ClassVar[bool] = False


def keeper(deployment: Deployment, consult: Consult | None = None) -> Keeper:
    """The keeper of this process. Its ledger must run before it starts, and stop before it stops."""

    def record(fact: Fact) -> None:
        kind = Deed if fact.authority else Quiet
        deployment.ledger.record(kind(ref=pep.new_ref(), facts=(fact,)))

    return Keeper(
        open_engine(deployment.database.app_url, 1), deployment.ledger, deployment.origin,
        deployment.settings.keys / FOLDER, deployment.law.policy.number, record, consult,
    )  # fmt: skip


def rotate(database: Database, laws: Laws, keys: Path, origin: str) -> Verifier:
    """Replace the key in force by a new one, on record and signed by the old; a running service takes it up by itself."""
    with ceremony.alone(database.engine) as charter:
        fact = keyring.rotate(keys / FOLDER, origin, charter.get("log_key", ""))
        founding.record(database, laws, [Deed(ref=pep.new_ref(), facts=(fact,))])
    return Verifier.from_vkey(fact.vkey)
