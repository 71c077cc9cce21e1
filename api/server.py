"""The server program of one process."""

from __future__ import annotations

from types import FrameType

import uvicorn


class Server(uvicorn.Server):
    """uvicorn, but a second signal does not cut the end short: the ledger is drained before the process leaves.

    Ctrl-C reaches every process of the terminal's group, and the parent then ends its workers too; by itself uvicorn
    takes the second word for impatience and leaves the application's life unfinished. The end is bounded anyway.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.force_exit = False
