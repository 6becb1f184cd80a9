"""A `clickorder serve` of its own in another process, and its memory second by second."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psutil

_ADDRESS = re.compile(r"serves on (http://\S+)")
_STARTS_WITHIN_S = 600


class ServiceFailedError(Exception):
    """The service did not start; the message ends with what it said."""


class ServiceProcess:
    """Starts the service on a free port, and stops it at the end of the `with` block.

    Args:
        environment: Settings, `CLICKORDER_...`; they are added to this process's environment.
        sample_s: Seconds between two looks at its memory.

    Attributes:
        url: Where it listens.
        memory: Seconds since the start and resident bytes, one pair for each look.
    """

    def __init__(self, environment: Mapping[str, str] | None = None, sample_s: float = 1.0) -> None:
        self.url = ""
        self.memory: list[tuple[float, int]] = []
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", "clickorder", "serve", "--port", "0", "--log-level", "warning"],
            env=os.environ | {"PYTHONFAULTHANDLER": "1"} | dict(environment or {}),
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
        )
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, args=(sample_s,), daemon=True)

    def __enter__(self) -> Self:
        # A service that hangs before it serves is ended, which ends the loop below.
        watchdog = threading.Timer(_STARTS_WITHIN_S, self._process.kill)
        watchdog.start()
        try:
            assert self._process.stdout is not None
            for line in self._process.stdout:
                if found := _ADDRESS.search(line):
                    self.url = found[1]
                    break
        finally:
            watchdog.cancel()
        if not self.url:
            code = self._process.wait()
            raise ServiceFailedError(f"The service ended with {code}: {self.log()[-500:]}")
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._ended.set()
        if self._sampler.is_alive():
            self._sampler.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def elapsed_s(self) -> float:
        """Seconds since it was started, the clock of `memory`."""
        return time.monotonic() - self._started

    def memory_bytes(self) -> int:
        """Resident bytes now."""
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def terminate(self) -> None:
        """Ask it to stop as an orchestrator does, with SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float) -> int | None:
        """Its exit code; None where it still runs after that time."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def abort(self) -> str:
        """End one that hangs; its log, with what each of its threads was doing."""
        self._process.send_signal(signal.SIGABRT)
        self._process.wait()
        return self.log()

    def log(self) -> str:
        """Warnings and errors so far."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def _sample(self, sample_s: float) -> None:
        process = psutil.Process(self._process.pid)
        while not self._ended.wait(sample_s):
            try:
                self.memory.append((self.elapsed_s, int(process.memory_info().rss)))
            except psutil.NoSuchProcess:
                return


def default_sets(root: Path) -> list[Path]:
    """The frozen puzzle sets of this repository."""
    return sorted(path.parent for path in root.glob("benchmarks/puzzles/*/puzzles.jsonl"))
