"""The outlook of a reader: over which divisions a list reaches, by his right and by what he asked for."""

from __future__ import annotations

from api.grants import below, overseen
from authz import refusal
from authz.decision import Scene


def outlook(scene: Scene, act: str, division: str | None, place: str | None = None) -> frozenset[str] | None:
    """The divisions of a list; null for the whole region. Refuses whoever may not read at `place` (default: his own)."""
    if scene.post is None:
        raise refusal.NotEmployed(missing="post")
    scene.must(act, place or scene.post.division)
    within, asked = overseen(scene, act), below(division, scene)
    if asked is None or within is None:
        return within if asked is None else asked
    return within & asked
