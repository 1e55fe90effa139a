"""Logs: structlog, JSON on standard output, readable where that is a terminal; Faust's and aiokafka's as well."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor


__all__ = ["configure_logs"]


def configure_logs(level: int = logging.INFO) -> None:
    """Send all logs of the process to standard output, one line each."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    on_terminal = sys.stdout.isatty()
    last: list[Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if on_terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # The last two are our services' names in Faust's own voice: it says when each starts and stops.
    for noisy in ("faust", "mode", "aiokafka", "httpx2", "processors.app", "processors.batching"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # A batch may take longer than the pause between two commits.
    logging.getLogger("mode.timers").setLevel(logging.ERROR)
    coordinator = logging.getLogger("aiokafka.consumer.group_coordinator")
    # Every rebalance comes to it as a warning that a heartbeat failed.
    coordinator.setLevel(logging.ERROR)
    # A young broker is still choosing one; ten times a second is too often to say so.
    coordinator.addFilter(lambda record: "GroupCoordinatorNotAvailableError" not in record.getMessage())
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
