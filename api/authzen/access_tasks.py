"""Tasks of the access request profile: their names, which tell nothing and cannot be guessed, and what they show; and
the seal on whatever is given out to come back unchanged.

A task stands for an entry, but an entry number would be a name anyone can count up to; so a task is named by a keyed
digest of it, from which only this deployment can tell the number. A denial is bound to its question alike.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api import pep
from api.deployment import Deployment
from authz import answer, proposal
from authz.asking import Verdict
from authz.decision import Scene
from authz.fact import moment
from authz.proposal import InvalidDenialBinding, UnknownTask
from authz.question import Question

PATH = "/access/v1/requests"
CAPABILITY = "urn:openid:authzen:capability:access-request"
_SEAL, _NUMBER = 12, 8


def _keyed(house: Deployment, purpose: bytes, content: bytes) -> bytes:
    key = hmac.new(house.pseudonym, b"mandate/v1/" + purpose, hashlib.sha256).digest()
    return hmac.new(key, content, hashlib.sha256).digest()


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def name(house: Deployment, number: int) -> str:
    """The name of the task that stands for an entry."""
    plain = number.to_bytes(_NUMBER, "big")
    seal = _keyed(house, b"task", plain)[:_SEAL]
    mask = _keyed(house, b"mask", seal)[:_NUMBER]
    return _text(seal + bytes(a ^ b for a, b in zip(plain, mask, strict=True)))


def number(house: Deployment, task: str) -> int:
    """The entry a task stands for; anything that was not named here is no task."""
    try:
        whole = _bytes(task)
    except (ValueError, binascii.Error):
        raise UnknownTask() from None
    mask = _keyed(house, b"mask", whole[:_SEAL])[:_NUMBER]
    found = int.from_bytes(bytes(a ^ b for a, b in zip(whole[_SEAL:], mask, strict=False)), "big")
    if len(whole) != _SEAL + _NUMBER or not hmac.compare_digest(name(house, found), task):
        raise UnknownTask()
    return found


@dataclass(frozen=True, slots=True)
class Denial:
    """A denial somebody refers to: its entry, the digest of its question, and until when it may be referred to."""

    entry: int
    question: str
    expires: int


def sealed(house: Deployment, purpose: bytes, content: str, about: str = "") -> str:
    """A token that says `content` and holds for this purpose, and for what it is `about`, alone."""
    plain = content.encode()
    return f"{_text(plain)}.{_keyed(house, purpose, plain + b'/' + about.encode()).hex()}"


def unsealed(house: Deployment, purpose: bytes, token: str, about: str = "") -> str | None:
    """What a token says that was given out here for this; None if it was not."""
    whole, _, seal = token.partition(".")
    try:
        plain = _bytes(whole)
    except (ValueError, binascii.Error):
        return None
    kept = _keyed(house, purpose, plain + b"/" + about.encode()).hex()
    return plain.decode() if seal.isascii() and hmac.compare_digest(kept, seal) else None


def bind(house: Deployment, denial: Denial) -> str:
    """The token by which a denial is referred to."""
    return sealed(house, b"denial", f"{denial.entry}.{denial.question}.{denial.expires}")


def bound(house: Deployment, token: str) -> Denial:
    """The denial of a token that was given out here."""
    content = unsealed(house, b"denial", token)
    if content is None:
        raise InvalidDenialBinding()
    entry, question, expires = content.split(".")
    return Denial(int(entry), question, int(expires))


def offer(house: Deployment, scene: Scene, question: Question, verdict: Verdict, entry: int) -> dict[str, Any] | None:
    """`context.access_request` of a denial that can be asked for; None of any other, or while the profile is off."""
    if not proposal.on(scene.law.policy) or verdict.decision or not proposal.requestable(scene, question, verdict):
        return None
    expires = scene.at + proposal.BINDING
    token = bind(house, Denial(entry, answer.digest(scene, question), int(expires.timestamp())))
    base = house.settings.base_url.rstrip("/")
    return {"expires_at": pep.written(_second(expires)), "endpoint": base + PATH, "binding_token": token}


def _second(at: datetime) -> datetime:
    return datetime.fromtimestamp(int(at.timestamp()), UTC)


def told(house: Deployment, scene: Scene, row: Mapping[str, Any], request: Mapping[str, Any] | None) -> dict[str, Any]:
    """A task as the profile has it; approved, it tells to ask again, and gives nothing by itself."""
    item: dict[str, Any] = {"id": "1", "status": proposal.item(row, request, scene)}
    until = proposal.approved_until(row, request, scene) if request is not None else None
    result: dict[str, Any] = {}
    if item["status"] == "approved" and request is not None and until is not None:
        since = scene.rows.versions.get(("request", request["number"]), 0)
        approval = {"id": _text(_keyed(house, b"approval", f"{row['number']}.{since}".encode())[:16])}
        approval |= {"approved_until": pep.written(until)}
        decided = request["body"].get("decision", {}).get("at")
        approval |= {"approved_at": pep.written(moment(decided))} if decided else {}
        result = {"result": {"mode": "reevaluate", "approval": approval}}
    state = proposal.status(row, request, scene.at)
    # The profile lets nobody act on the result of a task with items unless it stands in the item too.
    return {"task": handle(house, row["number"], state) | {"items": [item | result]}} | result


def handle(house: Deployment, number: int, status: str) -> dict[str, Any]:
    """What a task is referred to by, with its status."""
    task = name(house, number)
    where = f"{house.settings.base_url.rstrip('/')}{PATH}/{task}"
    return {"id": task, "status": status, "status_endpoint": where, "links": {"cancel": f"{where}/cancel"}}
