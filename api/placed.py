"""Acts that make something new over a place: the one their body names, or where the caller's post is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.pep import Asked
from authz import refusal
from authz.decision import Scene
from authz.register import Reads


@dataclass(kw_only=True)
class Placed(Asked):
    """An act over a place. What it looks at beside the caller and the law was worked out before the lock."""

    place: str | None = None
    """The division the body names, before anybody looked whether there is one."""

    @property
    def reads(self) -> Reads:
        return Reads()

    def permit(self, scene: Scene) -> None:
        """Refuse whoever may not do it there; over a place that never was, what counts is his own."""
        if scene.post is None:
            raise refusal.NotEmployed(missing="post")
        named, law = self.place, scene.law
        known = named is not None and (law.divisions.known(named) or law.lineage.known_once(named))
        scene.must(self.name, named if named is not None and known else scene.post.division)

    def about(self) -> Mapping[str, Any]:
        return {"division": self.place}
