"""Labels proposed on a Ray cluster; they are those of this process.

Label files are written in the order of the pictures, since each may add names to `classes.txt`.
What comes before its turn is kept in a journal, which is removed when all label files are there.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickorder.own_models import OwnModels
from labels.prelabel import Proposer, Proposes
from labels.proposals import Proposal
from training.core.journal import Journal
from training.core.ray_map import in_order, work_on_ray

JOURNAL_FILE = ".prelabel-ray.jsonl"
"""What is proposed already, while a folder is worked on."""

_File = tuple[Path, str]
"""A picture, and what to call it."""

_Made = dict[str, Any] | str
"""A proposal as JSON writes it, or what is wrong with the file."""


@dataclass(frozen=True, slots=True)
class _Start:
    """Makes what proposes in a worker; picklable."""

    models_dir: Path | None
    min_score: float
    names: tuple[str, ...]

    def __call__(self) -> Callable[[_File], _Made]:
        """Load the models."""
        models = OwnModels(self.models_dir, threads=1)
        proposer = Proposer(models.detector(self.min_score), models.classifier(), self.names)

        def propose(file: _File) -> _Made:
            made = proposer.propose_file(*file)
            return made if isinstance(made, str) else made.as_dict()

        return propose


@dataclass(frozen=True, slots=True)
class _ProposerOnRay:
    """Proposes on the cluster; implements `Proposes`."""

    start: _Start
    journal: Journal

    def propose_files(self, files: Mapping[str, Path]) -> Iterator[Proposal | str]:
        """See `Proposes`."""
        items = {_key(file, picture): (file.absolute(), picture) for picture, file in files.items()}
        for made in in_order(work_on_ray(self.start, items, self.journal), items):
            yield made if isinstance(made, str) else Proposal.from_dict(made)


@contextmanager
def proposer_on_ray(
    models_dir: Path | None, min_score: float, names: tuple[str, ...], out: Path
) -> Iterator[Proposes]:
    """What proposes on the cluster that this process is connected to then.

    The nodes share the folder of the pictures.

    Args:
        models_dir: Folder of the models, at the same path on each node; None for the shipped ones.
        min_score: Least confidence of a box.
        names: As for `Proposer`.
        out: Folder of the label files, and of the journal, which is removed at the end.

    Raises:
        JournalError: the journal is of a run with other options.
    """
    # Workers have a folder of their own to start in.
    start = _Start(models_dir and models_dir.resolve(), min_score, names)
    job = {"prelabel": str(start.models_dir or ""), "min_score": min_score, "names": names}
    with Journal(out / JOURNAL_FILE, job) as journal:
        yield _ProposerOnRay(start, journal)
        journal.remove()


def _key(file: Path, picture: str) -> str:
    """Of a picture that was replaced, what is in the journal does not count."""
    state = file.stat()
    return f"{picture} {state.st_size} {state.st_mtime_ns}"
