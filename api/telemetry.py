"""The operations log: one JSON line per event on standard error, and the counters of `/metrics`.

It tells operators how the service runs and never what it decided or about whom: the evidence is the log of entries.
Only the field names below pass; any other field, and every exception text and argument, is dropped, since a name or an
identity number could stand in it. Control characters leave as JSON escapes, so one event is one line.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any, TextIO, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from api.commands.progress import put

PASSING = frozenset({
    "event", "level", "timestamp", "logger", "request_id", "route", "method", "status", "seconds", "exception", "where",
    "worker", "size", "number", "count", "address", "listen", "path", "code", "policy", "version", "state", "pid",
    "kid", "witness", "verdict", "held",
})  # fmt: skip
LONGEST = 500
OWN_PACKAGES = ("/api/", "/audit/", "/authz/")

REGISTRY = CollectorRegistry()
REQUESTS = Counter("requests", "Answered requests", ("route", "status"), registry=REGISTRY)
REQUEST_SECONDS = Histogram(
    "request_seconds", "Time to answer", ("route",), registry=REGISTRY,
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
BATCH_SIZE = Histogram(
    "ledger_batch_size", "Acts per commit", registry=REGISTRY, buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000)
)
COMMIT_SECONDS = Histogram("ledger_commit_seconds", "Time from lock to commit", registry=REGISTRY)
QUEUED = Gauge("ledger_queued", "Acts waiting to be recorded", registry=REGISTRY)
STRANGERS = Counter("strangers", "Requests without a valid token", registry=REGISTRY)
UNEXPECTED = Counter("unexpected", "Exceptions nobody foresaw", ("exception",), registry=REGISTRY)

Event = MutableMapping[str, Any]


def count(route: str, status: int, seconds: float) -> None:
    """Count one answered request; `route` is the template of the path, never the path itself."""
    REQUESTS.labels(route, str(status)).inc()
    REQUEST_SECONDS.labels(route).observe(seconds)


def metrics() -> bytes:
    """The counters in the Prometheus text format."""
    return generate_latest(REGISTRY)


def frames(fault: BaseException) -> str:
    """Where an exception came from: files, lines and functions, no values."""
    steps = traceback.extract_tb(fault.__traceback__)
    own = [step for step in steps if any(package in step.filename for package in OWN_PACKAGES)] or steps
    names = [f"{'/'.join(step.filename.split('/')[-2:])}:{step.lineno} {step.name}" for step in own[-4:]]
    return " < ".join(reversed(names))


def without_values(_logger: Any, _method: str, event: Event) -> Event:
    """The event with an exception reduced to its class and place, and unknown fields dropped."""
    fault = event.pop("exc_info", None)
    if fault is True:
        fault = sys.exc_info()
    if isinstance(fault, tuple):
        fault = fault[1]
    if isinstance(fault, BaseException):
        event["exception"] = type(fault).__qualname__
        event["where"] = frames(fault)
    return {name: _bounded(value) for name, value in event.items() if name in PASSING}


def _bounded(value: Any) -> Any:
    return value if isinstance(value, int | float) else str(value)[:LONGEST]


def _chain() -> Iterator[Any]:
    yield structlog.contextvars.merge_contextvars
    yield structlog.processors.add_log_level
    yield structlog.processors.TimeStamper(fmt="iso", utc=True)
    yield without_values
    yield structlog.processors.JSONRenderer(ensure_ascii=True)


class _Console:
    """A stream that may be gone: a line nobody can read any more is no reason to fail a request."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        put(text, self.stream)

    def flush(self) -> None:
        """`write` has done it."""


class _Lines(logging.Handler):
    """Passes lines of other libraries on. Their arguments are dropped: only the format string is ours to trust."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.msg if isinstance(record.msg, str) else type(record.msg).__qualname__
        log = structlog.get_logger().bind(logger=record.name)
        log.log(max(record.levelno, logging.DEBUG), text, exc_info=record.exc_info)


def configure(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send every line, ours and the libraries', through one chain to `stream`."""
    structlog.configure(
        processors=list(_chain()),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Console(stream or sys.stderr))),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Lines()]
    root.setLevel(max(level, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
    # The access line holds the query string; requests are counted instead.
    logging.getLogger("uvicorn.access").disabled = True


def bind_request(request_id: str, route: str | None = None) -> None:
    """Let each line of this request carry its id."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id, **({"route": route} if route else {}))


def log() -> Any:
    """The operations log."""
    return structlog.get_logger()
