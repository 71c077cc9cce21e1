"""An act: a wish to change or to ask something, judged under the log's lock on what is on record at that instant.

    reads   the register keys it needs, known before the lock
    judge   pure: raises a Refusal, or returns the facts that happened

An act carries its own reference (16 random bytes as 32 hex digits, drawn by the caller of the ledger, stored and
unique), so that the outcome of a commit whose answer was lost can be looked up instead of guessed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from audit.entry import Envelope
from authz.decision import Scene
from authz.fact import Fact
from authz.refusal import Refusal
from authz.register import Reads, Rows


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the person of the token, its issue second, and what the headers said of the circumstances."""

    person: str
    issued_at: int
    post: int | None = None
    client: str | None = None
    device: str | None = None
    address: str | None = None
    on_behalf_of: str | None = None
    purpose: str | None = None

    def envelope(self, post: int | None, unit: str | None) -> Envelope:
        return Envelope(
            self.person, post, unit, self.client, self.device, self.address, self.on_behalf_of, self.purpose
        )


@dataclass(slots=True)  # not frozen: one is made per edit, and a frozen one is set member by member
class Sealed:
    """A value that lies in the vault: its path, a salt of 16 bytes, and the value (JSON-able)."""

    path: str
    salt: bytes
    value: Any


@dataclass(frozen=True, slots=True)
class Once:
    """An idempotency key: (person, route, key) and the SHA-256 of what was asked."""

    person: str
    route: str
    key: str
    request: str


@dataclass(slots=True)
class Recorded:
    """What became of an act. `number` is its first entry (null if nothing was recorded), `size` the log after it.

    Exactly one of `facts` and `refused` is given, unless `stored` repeats an earlier answer (status, body).
    """

    number: int | None
    count: int
    at: datetime
    size: int
    facts: tuple[Fact, ...] = ()
    refused: Refusal | None = None
    stored: tuple[int, bytes] | None = None

    @property
    def numbers(self) -> list[int]:
        return [] if self.number is None else list(range(self.number, self.number + self.count))


@dataclass(kw_only=True)
class Act(ABC):
    """Base of every act. `authority` false promises that acts behind it may be judged on the same rows."""

    name: ClassVar[str]
    authority: ClassVar[bool] = True

    ref: str
    caller: Caller | None = None
    once: Once | None = None
    sealed: tuple[Sealed, ...] = field(default=())

    @property
    @abstractmethod
    def reads(self) -> Reads:
        """The register keys `judge` will look at; the caller's own person, posts and grants come by themselves."""

    @abstractmethod
    def judge(self, scene: Scene) -> tuple[Fact, ...]:
        """What happened, or a Refusal. Pure: looks at nothing but the scene and itself."""

    def about(self) -> Mapping[str, Any]:
        """What a refusal of this act concerns: any of subject division cell operation data_year quarter household grant."""
        return {}

    def note(self, rows: Rows, facts: tuple[Fact, ...]) -> None:
        """Carry the act's own effect into rows that later acts of the same stretch are judged on."""
        del rows, facts

    def answer(self, recorded: Recorded) -> tuple[int, bytes]:
        """Status and body that answer this act; stored with it under an idempotency key."""
        raise TypeError(f"{self.name} has no stored answer, so it takes no idempotency key")
