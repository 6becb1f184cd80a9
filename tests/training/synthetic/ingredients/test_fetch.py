"""Filling the cache and opening it, with real archives and no network."""

import io
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from rich.console import Console

from training.synthetic.errors import (
    CacheBusyError,
    IngredientsMissingError,
    PackageUnavailableError,
    ReservedIngredientError,
)
from training.synthetic.ingredients import fetch
from training.synthetic.ingredients.catalogue import SPLITS, Catalogue, Package
from training.synthetic.ingredients.fetch import run_ingredients
from training.synthetic.ingredients.packages import download
from training.synthetic.ingredients.stamps import read_stamp, stamps
from training.synthetic.ingredients.store import IngredientStore

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is of Debian")


def run(cache: Path, catalogue: Catalogue, shelf: Any, **more: Any) -> tuple[fetch.Fetched, str]:
    console = Console(file=io.StringIO(), width=200)
    done = run_ingredients(
        cache, jobs=1, catalogue=catalogue, fetch=shelf.fetch, console=console, **more
    )
    assert isinstance(console.file, io.StringIO)
    return done, console.file.getvalue()


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without fonts; tests that want some say which."""
    monkeypatch.setattr(fetch, "machine_fonts", list)


@needs_dpkg
def test_everything_is_fetched_and_opened(tmp_path: Path, catalogue: Catalogue, shelf: Any) -> None:
    cache = tmp_path / "cache"
    done, printed = run(cache, catalogue, shelf)
    assert done.missing == ()
    assert len(done.new) == 5
    assert "icon collections" in printed
    store = IngredientStore.open(cache, catalogue)
    assert store.missing == ()

    [face] = store.fonts("test", "han")
    assert (face.family, face.design, face.path.suffix) == ("Tiny Brush", "brush", ".ttf")
    assert face.covers("一丁A7")
    assert not face.covers("一怀")  # U+6000: mapped, but empty
    assert not face.covers("\N{GRINNING FACE}")
    assert "瀀" not in face.characters()
    assert len(face.characters()) == 1100 + 94

    [black] = store.icons("train")
    assert black.monochrome
    assert black.names == ("bar-light", "ring", "square")
    square = black.picture(2)
    assert (square.shape, square.dtype) == ((96, 96, 4), np.uint8)
    assert square[48, 48].tolist() == [0, 0, 0, 255]
    assert not square[2].any()
    square[:] = 7  # a fresh array: the stored one stays as it is
    assert black.picture(2)[48, 48].tolist() == [0, 0, 0, 255]
    [bright] = store.icons("validation")
    assert bright.names == ("hand", "sea", "sun")
    assert bright.picture(1)[48, 48].tolist() == [0, 102, 204, 255]
    [loose] = store.icons("test")
    assert loose.names == ("outline/tall", "outline/wide")

    photos = [photo for split in SPLITS for photo in store.photos(split)]
    assert sorted(Path(photo.name).stem for photo in photos) == [
        "hill",
        "lake-d",
        "stripes-blue",
        "stripes-red",
    ]
    assert len({photo.split for photo in photos if "stripes" in photo.name}) == 1
    with Image.open(photos[0].path) as picture:
        assert max(picture.size) == 1000

    sources = json.loads((cache / "SOURCES.json").read_text())
    assert {(one["package"], one["version"], one["licence"]) for one in sources} == {
        ("@tiny/brush", "1.2.3", "OFL-1.1"),
        ("@tiny/black", "1.2.3", "OFL-1.1"),
        ("@tiny/bright", "1.2.3", "OFL-1.1"),
        ("loose", "4.5", "MIT"),
        ("tiny-wallpapers", "2.0-1", "CC-BY-4.0"),
    }


def test_a_second_run_fetches_nothing(tmp_path: Path, catalogue: Catalogue, shelf: Any) -> None:
    catalogue = replace(catalogue, packages=catalogue.packages[:3])
    run(tmp_path / "cache", catalogue, shelf)
    shelf.asked.clear()
    done, _ = run(tmp_path / "cache", catalogue, shelf)
    assert (done.new, shelf.asked) == ((), [])


def test_a_changed_entry_or_torn_stamp_is_made_anew(
    tmp_path: Path, catalogue: Catalogue, shelf: Any
) -> None:
    font, black, bright = catalogue.packages[:3]
    cache = tmp_path / "cache"
    run(cache, replace(catalogue, packages=(font, black, bright)), shelf)
    shelf.asked.clear()
    next(cache.glob("packages/icon/npm/tiny+black/stamp.json")).write_text('{"format": 1, "ki')
    changed = replace(bright, files=r"icons\.json$")
    run(cache, replace(catalogue, packages=(font, black, changed)), shelf)
    assert sorted(shelf.asked) == ["@tiny/black", "@tiny/bright"]


def test_what_the_catalogue_no_longer_lists_is_not_used(
    tmp_path: Path, catalogue: Catalogue, shelf: Any
) -> None:
    black, bright = catalogue.packages[1:3]
    run(tmp_path / "cache", replace(catalogue, packages=(black, bright)), shelf)
    store = IngredientStore.open(tmp_path / "cache", replace(catalogue, packages=(bright,)))
    assert (len(store.icons("train")), len(store.icons("validation"))) == (0, 1)


def test_what_cannot_be_had_is_said_and_the_rest_goes_on(
    tmp_path: Path, catalogue: Catalogue, shelf: Any
) -> None:
    absent = Package("icon", "npm", "@tiny/absent", "1.0.0")
    hollow = Package("icon", "npm", "@tiny/hollow", "1.0.0", r"/icons\.json$")
    shelf.add(hollow, {"readme.md": b"nothing"})
    catalogue = replace(catalogue, packages=(absent, hollow, catalogue.packages[1]))
    done, printed = run(tmp_path / "cache", catalogue, shelf)
    assert done.new == ("npm package @tiny/black",)
    assert done.missing == (
        "npm package @tiny/absent was not fetched: it is not on the shelf.",
        (
            "npm package @tiny/hollow 1.2.3 holds no icon that can be used;"
            " the catalogue may ask for another version."
        ),
    )
    assert all(sentence in printed for sentence in done.missing)
    store = IngredientStore.open(tmp_path / "cache", catalogue)
    assert store.missing == done.missing
    assert len(store.icons("train")) == 1
    assert not list((tmp_path / "cache/partial").iterdir())


def test_offline_uses_the_cache_and_the_machine(
    tmp_path: Path,
    catalogue: Catalogue,
    shelf: Any,
    font_drawer: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fonts = [
        font_drawer(tmp_path / "own.ttf", "Homemade", range(0x21, 0x7F)),
        font_drawer(tmp_path / "kai.ttf", "LXGW WenKai", range(0x21, 0x7F)),
        font_drawer(tmp_path / "awesome.ttf", "Font Awesome 7", range(0x21, 0x7F)),
    ]
    monkeypatch.setattr(fetch, "machine_fonts", lambda: fonts)
    cache = tmp_path / "cache"
    done, _ = run(cache, catalogue, shelf, offline=True)
    assert shelf.asked == []
    assert len(done.missing) == 5
    store = IngredientStore.open(cache, catalogue)
    faces = [face for split in SPLITS for face in store.fonts(split, "latin")]
    assert [(face.family, face.path) for face in faces] == [("Homemade", fonts[0])]
    assert faces[0].covers("A7k")
    assert store.missing == done.missing
    # Once the packages are there, puzzles no longer depend on what the machine has.
    run(cache, replace(catalogue, packages=catalogue.packages[:1]), shelf)
    store = IngredientStore.open(cache, catalogue)
    assert not [face for split in SPLITS for face in store.fonts(split, "latin")]


def test_an_empty_cache_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(IngredientsMissingError, match="run `clickorder ingredients`"):
        IngredientStore.open(tmp_path / "nowhere")


def test_the_cache_is_where_the_environment_says(
    tmp_path: Path, catalogue: Catalogue, shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKORDER_CACHE", str(tmp_path / "elsewhere"))
    catalogue = replace(catalogue, packages=catalogue.packages[1:2])
    console = Console(file=io.StringIO())
    done = run_ingredients(jobs=1, catalogue=catalogue, fetch=shelf.fetch, console=console)
    assert done.cache == tmp_path / "elsewhere"
    assert IngredientStore.open(catalogue=catalogue).icons("train")


def test_reserved_packages_are_neither_fetched_nor_opened(
    tmp_path: Path, catalogue: Catalogue, shelf: Any
) -> None:
    solid = Package("icon", "npm", "@tiny/fa6-solid", "1.2.3", r"/icons\.json$")
    with pytest.raises(ReservedIngredientError, match="reserved"):
        download(solid, tmp_path)
    black = catalogue.packages[1]
    cache = tmp_path / "cache"
    both = replace(catalogue, packages=(black, solid))
    run(cache, both, shelf)
    assert shelf.asked == ["@tiny/black"]
    # A cache that somebody else filled: the collection is there, under its own name or another.
    home = next(cache.glob("packages/icon/npm/tiny+black"))
    forged = home.with_name("tiny+fa6-solid")
    shutil.copytree(home, forged)
    stamp = read_stamp(home)
    assert stamp is not None
    replace(stamp, package="@tiny/fa6-solid").write(forged)
    renamed = replace(stamp, collections=[replace(stamp.collections[0], name="fa-brands")])
    renamed.write(home)
    store = IngredientStore.open(cache, both)
    assert not [one for split in SPLITS for one in store.icons(split)]


def test_two_runs_do_not_share_a_cache(tmp_path: Path, catalogue: Catalogue, shelf: Any) -> None:
    cache = tmp_path / "cache"

    def fetch_while_busy(package: Package, folder: Path) -> Path:
        with pytest.raises(CacheBusyError, match="Another run"):
            run_ingredients(cache, jobs=1, catalogue=catalogue, console=Console(quiet=True))
        return Path(shelf.fetch(package, folder))

    console = Console(quiet=True)
    catalogue = replace(catalogue, packages=catalogue.packages[1:2])
    done = run_ingredients(
        cache, jobs=1, catalogue=catalogue, fetch=fetch_while_busy, console=console
    )
    assert done.new == ("npm package @tiny/black",)


SLOW_RUN = """
import shutil, sys, time
from pathlib import Path
from training.synthetic.ingredients.catalogue import Catalogue, Package
from training.synthetic.ingredients.fetch import run_ingredients

cache, shelf = map(Path, sys.argv[1:])
first = Package("icon", "npm", "@tiny/black", "1.2.3", r"/icons\\.json$")
second = Package("icon", "npm", "@tiny/bright", "1.2.3", r"/icons\\.json$")

def fetch(package, folder):
    if package == second:
        (folder / "half.tgz").write_bytes(b"half")
        time.sleep(300)
    return Path(shutil.copy(next(shelf.glob("@tiny+black_*")), folder))

if __name__ == "__main__":
    run_ingredients(cache, jobs=2, catalogue=Catalogue((first, second), (), ()), fetch=fetch)
"""


def test_a_killed_run_is_continued(tmp_path: Path, catalogue: Catalogue, shelf: Any) -> None:
    cache, script = tmp_path / "cache", tmp_path / "slow_run.py"
    script.write_text(SLOW_RUN)
    root = Path(fetch.__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, script, cache, shelf.folder],
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
        stderr=subprocess.DEVNULL,
    ) as process:
        give_up = time.monotonic() + 600
        while not list(cache.glob("packages/*/*/*/stamp.json")):
            assert process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.05)
        workers = psutil.Process(process.pid).children(recursive=True)
        assert workers
        process.send_signal(signal.SIGKILL)
    # Workers end with the run, and the fetch that slept does not come back.
    assert psutil.wait_procs(workers, timeout=600)[1] == []
    assert list((cache / "partial").iterdir())  # the half package is left there
    assert [stamp.package for _, stamp in stamps(cache)] == ["@tiny/black"]
    assert len(IngredientStore.open(cache, catalogue).icons("train")) == 1

    done, _ = run(cache, replace(catalogue, packages=catalogue.packages[1:3]), shelf)
    assert shelf.asked == ["@tiny/bright"]
    assert done.new == ("npm package @tiny/bright",)
    assert not list((cache / "partial").iterdir())
    assert len(IngredientStore.open(cache, catalogue).icons("validation")) == 1


def test_a_client_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for client, program in (("apt", "apt-get"), ("npm", "npm")):
        package = Package("icon", client, "tiny")  # type: ignore[arg-type]
        with pytest.raises(PackageUnavailableError, match=f"{program} is not on this machine"):
            download(package, tmp_path)


def test_a_client_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\necho 'npm warn old' >&2; echo 'npm error no route' >&2; exit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    with pytest.raises(PackageUnavailableError, match="npm said 'npm error no route'"):
        download(Package("icon", "npm", "tiny", "1.0.0"), tmp_path)


def test_no_design_and_no_motif_is_in_two_splits(
    tmp_path: Path, catalogue: Catalogue, shelf: Any, font_drawer: Callable[..., Path]
) -> None:
    """Families and collections that share a drawing, from packages of their own."""
    other = Package("font", "npm", "@tiny/brush-bold", "1.2.3", r"\.woff2$")
    font = font_drawer(tmp_path / "b.ttf", "Tiny Brush Bold", web=True)
    shelf.add(other, {"bold.woff2": font.read_bytes()})
    flat = Package("icon", "npm", "@tiny/bright-flat", "1.2.3", r"/icons\.json$")
    icons = {"moon": {"body": '<circle cx="12" cy="12" r="9" fill="#ccf"/>'}}
    shelf.add(
        flat, {"icons.json": json.dumps({"icons": icons, "width": 24, "height": 24}).encode()}
    )
    catalogue = replace(catalogue, packages=(*catalogue.packages[:3], other, flat))
    run(tmp_path / "cache", catalogue, shelf)
    store = IngredientStore.open(tmp_path / "cache", catalogue)
    assert {face.family for face in store.fonts("test", "han")} == {"Tiny Brush", "Tiny Brush Bold"}
    assert {one.name for one in store.icons("validation")} == {"bright", "bright-flat"}
    assert not store.fonts("train", "han")
    assert {one.name for one in store.icons("train")} == {"black"}
