"""A deployment: everything one server process holds, made once at start and handed to the application."""

from __future__ import annotations

from dataclasses import dataclass, field

from api.database import Database
from api.identity import Issuers
from api.settings import Settings
from audit.lawbook import Lawbook
from audit.ledger import Ledger
from authz.decision import Law


@dataclass(slots=True)
class Deployment:
    """`demo` marks a demo world: only there are tokens printed for other people. `pseudonym` keys identity tokens."""

    settings: Settings
    database: Database
    ledger: Ledger
    laws: Lawbook
    issuers: Issuers
    pseudonym: bytes = field(repr=False)
    origin: str = "mandate.local/log"
    demo: bool = False

    @property
    def law(self) -> Law:
        """The law as this process read it last; whoever decides takes the one of his scene."""
        return self.laws.law
