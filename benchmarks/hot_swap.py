"""Replaces the models of a service over and over while it is asked, and looks at every answer.

    python -m benchmarks.hot_swap --versions 20 --out runs/hot-swap

Every version is a bundle whose model files carry its number, so that an answer says by itself which
version each of its models was: all of them must be the bundle's. Every other version comes as a
folder of its own, complete at once; the rest is copied over the folder that is served, file by
file, so that for a moment it holds files of both.
Writes `hot_swap.json`, and ends with 1 where a request failed or an answer mixes versions.
"""

import asyncio
import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import onnx
import typer

from benchmarks.callers import Answered, Callers, Question, questions
from benchmarks.service_process import ServiceProcess, default_sets
from labels.atomic import write_atomically
from modelfile.metadata import PREFIX
from service.models.backends import own_files
from service.models.bundle import MANIFEST, Manifest, file_sums, manifest_text

ROOT = Path(__file__).resolve().parent.parent
NAME = "swapped"
ROLES = ("detector", "classifier", "siamese")

_CALLERS = 4
_SERVED_WITHIN_S = 600
_ANSWERS_OF_EACH = 5
"""So many answers of a version are waited for before the next one comes."""


class SwapError(Exception):
    """A version was never served; the message says which."""


@dataclass(frozen=True, slots=True)
class Swaps:
    """What happened.

    Attributes:
        versions: That were put in, the first one before the service started.
        answers: Everything that was asked meanwhile.
        swap_s: Seconds from a version's last file to the first answer of it.
        memory: Resident bytes of the service, once after each version's answers.
    """

    versions: tuple[str, ...]
    answers: tuple[Answered, ...]
    swap_s: tuple[float, ...]
    memory: tuple[int, ...]

    @property
    def failed(self) -> list[Answered]:
        """Requests without a good answer."""
        return [one for one in self.answers if one.status != 200]

    @property
    def mixed(self) -> list[Answered]:
        """Answers whose models are not all of one version, or of none that was put in."""
        return [one for one in self.answers if one.status == 200 and version_of(one) is None]

    @property
    def missing(self) -> list[str]:
        """Versions that never answered."""
        seen = {version_of(one) for one in self.answers}
        return [version for version in self.versions if version not in seen]

    def figures(self) -> dict[str, object]:
        """What is told."""
        return {
            "versions": len(self.versions),
            "requests": len(self.answers),
            "failed": len(self.failed),
            "mixed": len(self.mixed),
            "versions that never answered": len(self.missing),
            "seconds to the first answer of a version, at most": round(max(self.swap_s), 1),
            "memory after the first version, MiB": round(self.memory[0] / 2**20),
            "memory halfway, MiB": round(self.memory[len(self.memory) // 2] / 2**20),
            "memory at the end, MiB": round(self.memory[-1] / 2**20),
        }


def version_of(answer: Answered) -> str | None:
    """The one version that an answer is of; None where its models are not all of one."""
    models = dict(answer.models)
    if "bundle" not in models or len(models) < 2:
        return None
    versions = {title.rpartition(" ")[2] for title in models.values()}
    return versions.pop() if len(versions) == 1 else None


def make_bundle(folder: Path, version: str) -> None:
    """Write a bundle of the shipped models whose files carry `version`.

    Args:
        folder: Made here; gone where it was.
        version: Version of the bundle and of every model in it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shipped = own_files(None)
    for role in ROLES:
        model = onnx.load(shipped[role])
        for entry in model.metadata_props:
            if entry.key == f"{PREFIX}version":
                entry.value = version
        onnx.save(model, folder / f"{role}.onnx")
    manifest = Manifest(name=NAME, version=version, default=True, sha256=file_sums(folder))
    (folder / MANIFEST).write_text(manifest_text(manifest), "utf-8")


class Swapper:
    """Puts one version after the other into the models folder of a service that is being asked.

    Args:
        models: The folder.
        staging: Where versions are made; on the same disk.
        answers: Grows while callers ask.
    """

    def __init__(self, models: Path, staging: Path, answers: Sequence[Answered]) -> None:
        self._models = models
        self._staging = staging
        self._answers = answers
        self._current = models / "first"
        self.swap_s: list[float] = []

    async def swap(self, number: int, version: str) -> None:
        """Put a version in and wait for its answers.

        Raises:
            SwapError: they do not come.
        """
        made = self._staging / version
        await asyncio.to_thread(make_bundle, made, version)
        if number % 2:
            target = self._models / f"version-{number}"
            made.rename(target)
        else:
            target = self._current
            for file in (*(f"{role}.onnx" for role in ROLES), MANIFEST):
                (target / file).write_bytes((made / file).read_bytes())
                await asyncio.sleep(0.1)
        start, asked = time.monotonic(), len(self._answers)
        await self.wait_for(version, 1, asked)
        self.swap_s.append(time.monotonic() - start)
        if target != self._current:
            await asyncio.to_thread(shutil.rmtree, self._current)
            self._current = target
        await self.wait_for(version, _ANSWERS_OF_EACH, asked)

    async def wait_for(self, version: str, count: int, asked: int) -> None:
        """Return once so many answers since the `asked`th are of `version`.

        Raises:
            SwapError: they do not come.
        """
        deadline = time.monotonic() + _SERVED_WITHIN_S
        while sum(version_of(one) == version for one in self._answers[asked:]) < count:
            if time.monotonic() > deadline:
                raise SwapError(f"Version {version} was not served.")
            await asyncio.sleep(0.05)


async def measure(
    service: ServiceProcess,
    place: Path,
    versions: Sequence[str],
    asked: Sequence[Question],
    count: int = _CALLERS,
) -> Swaps:
    """Ask and swap until every version has been served.

    Args:
        service: Started, with the first version in its models folder.
        place: Holds that folder, `models`; versions are made beside it.
        versions: The first one is served already.
        asked: What callers ask.
        count: How many callers there are.

    Raises:
        SwapError: a version was never served.
    """
    callers = Callers(service.url, asked, timeout_s=600)
    answers: list[Answered] = []
    swapper = Swapper(place / "models", place / "staging", answers)
    ended = False

    async def ask() -> None:
        while not ended:
            answers.append(await callers.ask())

    asking = [asyncio.create_task(ask()) for _ in range(count)]
    try:
        await swapper.wait_for(versions[0], _ANSWERS_OF_EACH, 0)
        memory = [service.memory_bytes()]
        for number, version in enumerate(versions[1:], start=1):
            await swapper.swap(number, version)
            memory.append(service.memory_bytes())
    finally:
        ended = True
        await asyncio.gather(*asking)
        await callers.close()
    return Swaps(tuple(versions), tuple(answers), tuple(swapper.swap_s), tuple(memory))


def run(count: int, sets: Sequence[Path], each: int, callers: int = _CALLERS) -> Swaps:
    """Start a service with a first version, and swap so many in.

    Raises:
        SwapError: a version was never served.
    """
    versions = [f"{number}.0.0" for number in range(1, count + 2)]
    with tempfile.TemporaryDirectory() as place:
        models = Path(place, "models")
        make_bundle(models / "first", versions[0])
        asked = questions(sets, each)
        # What is measured is whether answers are lost or mixed, not how long a busy machine takes.
        environment = {"CLICKORDER_MODELS_DIR": str(models), "CLICKORDER_DEADLINE_S": "600"}
        with ServiceProcess(environment) as service:
            return asyncio.run(measure(service, Path(place), versions, asked, callers))


def main(
    out: Annotated[Path, typer.Option(help="Folder of hot_swap.json.")] = Path("runs/hot-swap"),
    versions: Annotated[int, typer.Option(min=1, help="How many are swapped in.")] = 20,
) -> None:
    """Swap models under load; exit 1 where a request failed or an answer mixes versions."""
    swaps = run(versions, default_sets(ROOT), each=10)
    figures = swaps.figures()
    by_version = Counter(version_of(one) for one in swaps.answers)
    out.mkdir(parents=True, exist_ok=True)
    document: dict[str, object] = {
        "figures": figures,
        "answers": {str(k): n for k, n in by_version.items()},
    }
    document["memory"] = list(swaps.memory)
    write_atomically(out / "hot_swap.json", (json.dumps(document, indent=1) + "\n").encode())
    for name, value in figures.items():
        typer.echo(f"{name:52} {value}")
    if swaps.failed or swaps.mixed or swaps.missing:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
