"""Fetching: `clickorder ingredients` fills the cache."""

import fcntl
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures import as_completed as completed
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from labels.console import say, show
from training.synthetic.errors import BrokenPackageError, CacheBusyError, SyntheticError
from training.synthetic.ingredients.catalogue import CATALOGUE, SPLITS, Catalogue, Package
from training.synthetic.ingredients.fonts import FONT_SUFFIXES, index_file, index_fonts
from training.synthetic.ingredients.icons import index_icons
from training.synthetic.ingredients.packages import Origin, download, origin, unpack
from training.synthetic.ingredients.photos import index_photos
from training.synthetic.ingredients.reserved import Kind, is_reserved
from training.synthetic.ingredients.stamps import (
    Stamp,
    default_cache,
    package_folder,
    read_stamp,
    stamps,
    write_json,
)
from training.synthetic.ingredients.store import IngredientStore

Download = Callable[[Package, Path], Path]

KINDS: tuple[Kind, ...] = ("font", "icon", "photo")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a run did."""

    cache: Path
    new: tuple[str, ...]
    missing: tuple[str, ...]


def run_ingredients(
    cache: Path | None = None,
    kinds: Sequence[Kind] = KINDS,
    jobs: int = 0,
    offline: bool = False,
    *,
    catalogue: Catalogue = CATALOGUE,
    fetch: Download = download,
    console: Console | None = None,
) -> Fetched:
    """Fetch what is missing from the cache, and report at the end what is there.

    Packages in the cache are kept, so an interrupted run is simply started again. A package that
    cannot be fetched is reported and is not an error: puzzles are then drawn with the rest, and
    with the fonts and pictures of this machine.

    Args:
        cache: folder of the cache; None is the usual place.
        kinds: which kinds of ingredients.
        jobs: processes that render; 0 for one per core.
        offline: fetch nothing; use only the cache and this machine.
        catalogue: which packages, and which split they belong to.
        fetch: gets a package's archive into a folder.
        console: where progress and the summary go; None is standard error.

    Raises:
        CacheBusyError: another run is filling the same cache.
    """
    cache = cache or default_cache()
    console = console or Console(stderr=True)
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache):
        wanted = [
            package
            for package in catalogue.packages
            if package.kind in kinds
            and not is_reserved(package.kind, package.name, "")
            and not _is_done(cache, package)
        ]
        reasons: dict[str, str] = {}
        if offline:
            reasons = {
                package.label: f"{package.label} is not in the cache, and this run was offline."
                for package in wanted
            }
        else:
            reasons = _obtain_all(wanted, cache, jobs or os.cpu_count() or 1, fetch, console)
        lacking = {package.kind for package in wanted if package.label in reasons}
        _index_machine(cache, lacking, set(kinds))
        write_json(cache / "missing.json", reasons)
        write_json(
            cache / "SOURCES.json",
            [
                {
                    "kind": stamp.kind,
                    "source": stamp.client,
                    "package": stamp.package,
                    "version": stamp.version,
                    "licence": stamp.licence,
                }
                for _, stamp in stamps(cache)
            ],
        )
    _report(cache, catalogue, reasons, console)
    new = tuple(package.label for package in wanted if package.label not in reasons)
    return Fetched(cache, new, tuple(reasons.values()))


def obtain(package: Package, cache: Path, fetch: Download, pool: Executor | None) -> None:
    """Build one package's folder in the cache, completely or not at all.

    Raises:
        SyntheticError: it cannot be fetched, or contains nothing usable.
    """
    partial = cache / "partial"
    partial.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=partial) as place:
        work = Path(place)
        archived, source, target = work / "archive", work / "source", work / "target"
        for folder in (archived, source, target):
            folder.mkdir()
        archive = fetch(package, archived)
        unpack(archive, source)
        stated = origin(package, archive, source)
        if pool is None:
            process(package, stated, source, target)
        else:
            pool.submit(process, package, stated, source, target).result()
        home = _home(cache, package)
        home.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(home, ignore_errors=True)
        target.replace(home)


def process(package: Package, stated: Origin, source: Path, target: Path) -> None:
    """Turn an unpacked package into the files of the cache, the stamp last.

    Raises:
        BrokenPackageError: it contains nothing usable.
    """
    faces = index_fonts(package, source, target) if package.kind == "font" else []
    collections = index_icons(package, source, target) if package.kind == "icon" else []
    photos = index_photos(package, source, target) if package.kind == "photo" else []
    if not (faces or collections or photos):
        raise BrokenPackageError(
            f"{package.label} {stated.version} holds no {package.kind} that can be used;"
            " the catalogue may ask for another version."
        )
    Stamp(
        package.kind,
        package.client,
        package.name,
        stated.version,
        stated.licence,
        package.recipe,
        faces,
        collections,
        photos,
    ).write(target)


def _is_done(cache: Path, package: Package) -> bool:
    stamp = read_stamp(_home(cache, package))
    return stamp is not None and stamp.recipe == package.recipe


def _home(cache: Path, package: Package) -> Path:
    return package_folder(cache, package.kind, package.client, package.name)


def _obtain_all(
    wanted: list[Package], cache: Path, jobs: int, fetch: Download, console: Console
) -> dict[str, str]:
    """Obtain packages in parallel; returns why packages could not be fetched, by label."""
    reasons: dict[str, str] = {}
    shutil.rmtree(cache / "partial", ignore_errors=True)  # what a killed run left
    if not wanted:
        return reasons
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    # Rendering is bound by the CPU, fetching by the network: a pool for each.
    rendering = (
        ProcessPoolExecutor(
            jobs,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_end_with_parent,
        )
        if jobs > 1
        else nullcontext()
    )
    with (
        Progress(*columns, console=console) as progress,
        rendering as pool,
        ThreadPoolExecutor(2 * jobs + 2) as fetching,
    ):
        task = progress.add_task("Ingredients", total=len(wanted))
        futures: dict[Future[None], Package] = {
            fetching.submit(obtain, package, cache, fetch, pool): package for package in wanted
        }
        try:
            for future in completed(futures):
                package = futures[future]
                try:
                    future.result()
                except SyntheticError as error:
                    reasons[package.label] = str(error)
                except (OSError, ValueError, KeyError, RuntimeError) as error:
                    reasons[package.label] = (
                        f"{package.label} cannot be used ({type(error).__name__}: {error});"
                        " the catalogue may ask for another version."
                    )
                progress.update(task, advance=1, description=f"Ingredients: {package.name}")
        except BaseException:
            for future in futures:
                future.cancel()
            raise
    return {package.label: reasons[package.label] for package in wanted if package.label in reasons}


def _end_with_parent() -> None:
    """End this worker when the run is killed; it would wait for work forever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _index_machine(cache: Path, lacking: set[Kind], asked: set[Kind]) -> None:
    """Add fonts and pictures of this machine, but only for kinds with missing packages.

    With a complete cache, every machine draws the same pictures.
    """
    have = {
        face.family
        for _, stamp in stamps(cache)
        for face in stamp.faces
        if stamp.client != "machine"
    }
    for kind in ("font", "photo"):
        home = package_folder(cache, kind, "machine", "machine")
        if kind in asked:
            shutil.rmtree(home, ignore_errors=True)
        if kind not in lacking:
            continue
        target = cache / "partial" / f"machine-{kind}"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        machine = Package(kind, "apt", "machine")
        version = time.strftime("%Y-%m-%d")
        if kind == "font":
            faces = []
            for number, path in enumerate(machine_fonts()):
                folder = target / f"{number}"
                folder.mkdir()
                for face in index_file(path, folder, machine):
                    if face.family in have:
                        continue
                    faces.append(
                        replace(face, file=str(path), coverage=f"{number}/{face.coverage}")
                    )
            stamp = Stamp(
                "font", "machine", "machine", version, "as installed", machine.recipe, faces=faces
            )
        else:
            backgrounds = Path("/usr/share/backgrounds")
            photos = index_photos(machine, backgrounds, target) if backgrounds.is_dir() else []
            stamp = Stamp(
                "photo",
                "machine",
                "machine",
                version,
                "as installed",
                machine.recipe,
                photos=photos,
            )
        if stamp.faces or stamp.photos:
            stamp.write(target)
            home.parent.mkdir(parents=True, exist_ok=True)
            target.replace(home)


def machine_fonts() -> list[Path]:
    """Font files of this machine: from fontconfig, or in the usual folders."""
    try:
        listed = subprocess.run(
            ["fc-list", "--format", "%{file}\n"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        folders = (Path("/usr/share/fonts"), Path.home() / ".local/share/fonts")
        listed = [str(path) for folder in folders for path in folder.rglob("*")]
    paths = (Path(line) for line in set(listed))
    return sorted(path for path in paths if path.suffix.lower() in FONT_SUFFIXES[:-1])


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Exclude other runs; the lock is released when the process ends, however it ends."""
    with (cache / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CacheBusyError(
                f"Another run is filling {cache}; wait for it, or give this one another cache."
            ) from None
        yield


def _report(cache: Path, catalogue: Catalogue, reasons: dict[str, str], console: Console) -> None:
    """Print a table of the ingredients by kind and split, and a sentence for each missing one."""
    for sentence in reasons.values():
        say(console, sentence, "yellow")
    try:
        store = IngredientStore.open(cache, catalogue)
    except SyntheticError:
        say(console, f"There is nothing to draw with in {cache}.", "red")
        return
    table = Table("", *SPLITS)
    rows: dict[str, Counter[str]] = {}
    for split in SPLITS:
        counts = {
            "Chinese designs": len({face.design for face in store.fonts(split, "han")}),
            "Chinese faces": len(store.fonts(split, "han")),
            "Latin designs": len({face.design for face in store.fonts(split, "latin")}),
            "Latin faces": len(store.fonts(split, "latin")),
            "icon collections": len(store.icons(split)),
            "icons": sum(len(collection) for collection in store.icons(split)),
            "photos": len(store.photos(split)),
        }
        for name, count in counts.items():
            rows.setdefault(name, Counter())[split] = count
    for name, counter in rows.items():
        table.add_row(name, *(f"{counter[split]:,}" for split in SPLITS))
    say(console, f"Ingredients in {cache}")
    show(console, table)
