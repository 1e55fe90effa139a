"""How ingest logs: JSON on standard output, or in colours on a terminal; one line per event."""

from __future__ import annotations

import logging
import sys
from typing import cast

import structlog
from structlog.stdlib import BoundLogger
from structlog.typing import Processor


__all__ = ["configure"]


def configure(level: str, *, terminal: bool) -> BoundLogger:
    """Set up logging of the process, once.

    Args:
        level: least severe level shown.
        terminal: whether a human reads along.
    """
    renderer: Processor = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    # What they repeat by the second while a broker is away is told once, by us.
    for name in ("aiokafka", "websockets", "aiohttp"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return cast("BoundLogger", structlog.get_logger())
