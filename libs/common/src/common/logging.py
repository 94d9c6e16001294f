"""One JSON object a line in production, aligned columns in development.

A line is an event name and fields (CONTRIBUTING.md), and holds no personal data:

* tracebacks carry no local variables;
* messages of database, validation and parsing errors are left out, because engines quote
  the offending value in them; their kind, SQLSTATE and constraint stay;
* uvicorn's access lines keep the words of our routes and our ids, and nothing else of a URL;
* last, whatever looks like an NHS number is masked in every string. That is the net under
  the rope, not the rope.
"""

import logging
import logging.config
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from common.errors import AppError
from common.ids import CONTRACT_REFERENCE, DARS_REFERENCE
from common.settings import Environment, ServiceSettings

MASK = "[ten digits]"
_TEN_DIGITS = re.compile(r"(?<![0-9A-Za-z.])[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}(?![0-9A-Za-z.])")
FRAMES_MAX = 60
LINKS_MAX = 10
PROBES = frozenset({"/livez", "/readyz", "/metrics"})
_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    rf"|{DARS_REFERENCE.pattern}|{CONTRACT_REFERENCE.pattern}"
)
_words = {word for path in PROBES for word in path.split("/")}
"""Of all routes in this process."""


def describe(error: BaseException) -> str:
    """Say what went wrong without quoting what it went wrong with.

    Only our own errors have messages that we wrote; every other library may quote input.
    """
    if isinstance(error, AppError):
        return f"{error.code}: {error.detail}"
    facts = [
        f"{name}={value}"
        for name, value in (
            ("sqlstate", getattr(error, "sqlstate", None)),
            ("sqlite", getattr(error, "sqlite_errorname", None)),
            ("constraint", getattr(getattr(error, "diag", None), "constraint_name", None)),
            ("errno", getattr(error, "errno", None)),
        )
        if value
    ]
    return " ".join(facts)


def safe_tracebacks(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Put the exception's kinds and frames into the line, and no value."""
    error = _exception(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = [
            {
                "type": type(link).__qualname__,
                "error": describe(link),
                "frames": _frames(link.__traceback__),
            }
            for link in _chain(error)
        ]
    return event


def _exception(given: object) -> BaseException | None:
    """Return the exception that a record means, in any of the ways to say so."""
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Follow an exception to its causes, and into groups."""
    waiting = [error]
    seen: set[int] = set()
    while waiting and len(seen) < LINKS_MAX:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        if isinstance(link, BaseExceptionGroup):
            waiting.extend(link.exceptions)
        cause = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
        if cause is not None:
            waiting.append(cause)


def _frames(trace: TracebackType | None) -> list[str]:
    """Keep our own frames, and the last one, whosoever it is. Locals are never looked at."""
    frames = traceback.extract_tb(trace)[-FRAMES_MAX:]
    return [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for number, frame in enumerate(frames, start=1)
        if number == len(frames) or "site-packages" not in frame.filename
    ]


def mask(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Mask what looks like an NHS number, at any depth."""
    for key, value in event.items():
        if not key.startswith("_"):
            event[key] = _masked(value)
    return event


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return _TEN_DIGITS.sub(MASK, value)
    if isinstance(value, Mapping):
        return {key: _masked(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_masked(inner) for inner in value]
    return value


def drop_colours(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Drop the second, coloured copy of the message that uvicorn adds."""
    event.pop("color_message", None)
    return event


def _plain_exception(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Write the exception under the line, as a person reads it."""
    traces = event.pop("exception", None)
    if isinstance(traces, list):
        lines = [
            line
            for trace in traces
            for line in (f"{trace['type']} {trace['error']}".rstrip(), *trace["frames"])
        ]
        event["exception"] = "\n  ".join(lines)
    return event


def know_routes(paths: Iterable[str]) -> None:
    """Let access lines have the words of these routes."""
    _words.update(word for path in paths for word in path.split("/"))


class OurWordsOnly(logging.Filter):
    """Leave in uvicorn's access line what is ours: the rest of a URL is the caller's to choose.

    Probes come every few seconds and get no line at all.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple) and len(record.args) == 5:
            client, method, target, version, status = record.args
            words = str(target).split("?", 1)[0].split("/")
            path = "/".join(w if w in _words or _ID.fullmatch(w) else "*" for w in words)
            record.args = (client, method, path, version, status)
            return path not in PROBES
        return True


class WithoutTraceback(logging.Filter):
    """Drop tracebacks that are written out as text: uvicorn's, when an app cannot start.

    `common.web.app` logs the same failure without its values.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return "Traceback (most recent call last)" not in str(record.msg)


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def configure(settings: ServiceSettings) -> None:
    """Send structlog's and the standard library's records down one pipe."""
    is_production = settings.environment is Environment.PRODUCTION
    final: list[Processor] = (
        [structlog.processors.JSONRenderer()]
        if is_production
        else [_plain_exception, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(_standard_library(settings.log_level, final))
    if not is_production:
        log: structlog.stdlib.BoundLogger = structlog.get_logger()
        if settings.database_url.startswith("sqlite"):
            log.warning("database_embedded")
        if not settings.kafka_bootstrap:
            log.warning("event_log_embedded")


def _standard_library(level: str, final: Sequence[Processor]) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "our_words_only": {"()": OurWordsOnly},
            "without_traceback": {"()": WithoutTraceback},
        },
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [*SHARED, structlog.stdlib.ExtraAdder()],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    safe_tracebacks,
                    drop_colours,
                    mask,
                    *final,
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # uvicorn and kafka log through the root, in the same shape and at its level.
            "uvicorn": {"level": "NOTSET", "handlers": [], "propagate": True},
            "uvicorn.error": {
                "level": "NOTSET",
                "handlers": [],
                "propagate": True,
                "filters": ["without_traceback"],
            },
            "uvicorn.access": {
                "level": "NOTSET",
                "handlers": [],
                "propagate": True,
                "filters": ["our_words_only"],
            },
            "kafka": {"handlers": [], "propagate": True, "level": "WARNING"},
            "httpx": {"handlers": [], "propagate": True, "level": "WARNING"},  # logs whole URLs
            "httpcore": {"handlers": [], "propagate": True, "level": "WARNING"},
        },
    }
