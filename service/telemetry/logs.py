"""Structured logs: one line an event on standard error, uvicorn's own among them."""

import logging
import sys

import structlog

from service.settings import Log

_OURS = ("service", "detector", "classifier", "siamese", "modelfile", "uvicorn")


def configure_logging(settings: Log) -> None:
    """Send everything through structlog; called once, by whoever starts the process."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *([] if settings.format == "json" else [_joined]),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries speak from warnings on: at debug, the parsers of pictures and of multipart bodies
    # write what they parse.
    root.setLevel("WARNING")
    for name in _OURS:
        logging.getLogger(name).setLevel(settings.level.upper())


def _joined(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """The frames of a fault as one text: the console's renderer takes nothing else."""
    if isinstance(event.get("exception"), list):
        event["exception"] = "\n".join(event["exception"])
    return event
