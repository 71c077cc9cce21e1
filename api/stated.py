"""Acts that say why: the reason goes to the vault, the act carries its commitment, and every such route ends alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from api import pep
from api.pep import Asked, Wish
from api.wire import fields


class Reason(fields.Body):
    reason: fields.Reason


S = TypeVar("S", bound=Reason)


@dataclass(kw_only=True)
class Reasoned(Asked, Generic[S]):
    """An act that states its reason; `reason` is the commitment to it."""

    wish: Wish[S]
    reason: str


async def wished(request: Request, model: type[S]) -> Wish[S]:
    """The body, looked at only once it is known who asks."""
    pep.caller(request)
    return await pep.wish(request, model)


async def perform(request: Request, kind: type[Reasoned[S]], wish: Wish[S], **known: Any) -> Response:
    """Have the act done; `known` are its other members, as seen before the lock."""
    who = pep.caller(request)
    sealed, commitments = pep.seal({"/reason": wish.got.reason if wish.got else ""})
    act = kind(
        ref=pep.new_ref(), caller=who, once=await pep.once(request, who), if_match=request.headers.get("if-match"),
        wish=wish, sealed=sealed, reason=commitments["/reason"], **known,
    )  # fmt: skip
    return await pep.perform(request, act)
