"""Watches the models folder, so that a bundle is served as soon as it is there."""

import threading
from pathlib import Path

import structlog
import watchfiles

from service.models.memory import release
from service.models.registry import Registry

_SETTLED_MS = 400
"""A folder that is being copied changes many times; it is looked at once it is quiet so long."""
_ANYWAY_MS = 5_000
"""Mounted folders do not always say that they changed, so they are looked at anyway."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("service")


class Watch:
    """A thread that scans the folder of a registry whenever something changes in it.

    Args:
        registry: Whose `scan` is called.
        folder: The models folder.
    """

    def __init__(self, registry: Registry, folder: Path) -> None:
        self._registry = registry
        self._folder = folder
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bundles", daemon=True)

    def start(self) -> None:
        """Begin to watch; what lies there already has been scanned by the caller."""
        self._thread.start()

    def stop(self) -> None:
        """End, once a scan that runs has ended."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                changes = watchfiles.watch(
                    self._folder,
                    watch_filter=None,
                    debounce=4 * _SETTLED_MS,
                    step=_SETTLED_MS,
                    rust_timeout=_ANYWAY_MS,
                    yield_on_timeout=True,
                    stop_event=self._stop,
                    raise_interrupt=False,
                )
                changed = False
                for _ in changes:
                    before, changed = changed, self._registry.scan()
                    if changed or before:
                        # Twice: requests that ran at the first time have ended by the second.
                        release()
            except Exception:
                log.exception("watching failed", folder=str(self._folder))
                self._stop.wait(_ANYWAY_MS / 1000)
