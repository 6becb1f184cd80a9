"""Folders of bundles: which there are, and whether they have changed since they were read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from service.models.bundle import MANIFEST, Bundle
from service.models.version import Refusal


@dataclass(frozen=True, slots=True)
class SeenFolder:
    """A folder as the last scan found it: unchanged stamps mean that it need not be read again."""

    stamps: tuple[tuple[str, int, int], ...]
    bundle: Bundle | None
    refusal: Refusal | None

    def is_of(self, place: Path, name: str) -> bool:
        """Whether it is a bundle's; one without a readable manifest goes by its own name."""
        return (self.bundle.manifest.name if self.bundle else place.name) == name


def bundle_folders(folder: Path) -> list[Path]:
    """The bundle folders, by name; hidden ones are somebody's work in progress."""
    return sorted(p for p in folder.iterdir() if p.name[0] not in "._" and (p / MANIFEST).is_file())


def stamps_of(files: Sequence[Path]) -> tuple[tuple[str, int, int], ...]:
    """What changes when a file does."""
    stamps = []
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            stamps.append((str(file), 0, -1))
        else:
            stamps.append((str(file), stat.st_mtime_ns, stat.st_size))
    return tuple(stamps)
