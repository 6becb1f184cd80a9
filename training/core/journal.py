"""Results of a long job, kept one by one, so that a job that was killed goes on where it was."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from training.errors import TrainingError


class JournalError(TrainingError):
    """A journal cannot be gone on with."""


class Journal:
    """A file of results, a line of JSON each; a context manager.

    The first line says which job it is of. A last line that a kill has cut off is dropped.

    Args:
        file: Made where it is missing, with its folder.
        job: What the results depend on; a journal of another job is not gone on with.

    Raises:
        JournalError: the file is of another job, is no journal, or cannot be written.
    """

    def __init__(self, file: Path, job: Mapping[str, Any]) -> None:
        self.results: dict[str, Any] = {}
        """Result of each item that is done, by the item's key."""
        self._path = file
        head = {"job": json.loads(json.dumps(job))}
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            kept = self._read(file, head) if file.exists() else 0
            self._file = file.open("ab")
            self._file.truncate(kept)
        except OSError as error:
            raise JournalError(
                f"The journal {file} cannot be used ({error.strerror}); name another place."
            ) from error
        if not kept:
            self._write(head)

    def _read(self, file: Path, head: Mapping[str, Any]) -> int:
        """Read what is there; gives the bytes up to the end of the last whole line."""
        content = file.read_bytes()
        kept = content.rfind(b"\n") + 1
        if not kept:
            return 0
        try:
            first, *lines = [json.loads(line) for line in content[:kept].splitlines()]
            self.results = {line["key"]: line["result"] for line in lines}
        except (ValueError, KeyError, TypeError) as error:
            raise JournalError(f"{file} is no journal; name another file, or remove it.") from error
        if first != head:
            raise JournalError(
                f"{file} is the journal of another job, with other options; repeat those, or "
                "remove the file to begin anew."
            )
        return kept

    def add(self, key: str, result: object) -> None:
        """Keep a result; once this returns, a kill of this process does not lose it.

        Args:
            key: Key of the item, once.
            result: What JSON can write.
        """
        self._write({"key": key, "result": result})
        self.results[key] = result

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self._file.flush()

    def remove(self) -> None:
        """Delete the file: its results have gone where they belong."""
        self._file.close()
        self._path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
