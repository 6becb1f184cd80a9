"""Which bundle answers, and how one takes another's place."""

import gc
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.errors import ModelRefusedError, NoPreviousVersionError, UnknownModelError
from service.models.bundle import Bundle, BundleError, Manifest, file_sums, manifest_text
from service.models.registry import Registry
from service.models.routing import RouteRequest
from service.models.version import Version
from service.settings import Settings
from service.solving.solver import Solver

Pack = Callable[..., Path]


class Named(Solver):
    """A solver that is known by what its detector file says."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.models = {"detector": text}


def open_named(bundle: Bundle) -> Named:
    bundle.verify()
    text = (bundle.folder / "detector.onnx").read_text()
    bundle.verify()  # As `Bundle.open` does: the file may have changed while it was read.
    if text == "broken":
        raise BundleError(f"{bundle.folder.name} is broken.")
    if text == "odd":
        raise ZeroDivisionError
    return Named(text)


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Writes a bundle; the detector file is only a text here."""

    def write(
        folder: str, version: str = "1.0", content: str = "", name: str = "", **manifest: object
    ) -> Path:
        place = tmp_path / "models" / folder
        place.mkdir(parents=True, exist_ok=True)
        (place / "detector.onnx").write_text(content or version)
        told = Manifest.model_validate(
            {"name": name or folder, "version": version, "sha256": file_sums(place)} | manifest
        )
        (place / "bundle.json").write_text(manifest_text(told))
        return place

    return write


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    (tmp_path / "models").mkdir()
    return Registry(Named("built-in"), Settings(models_dir=tmp_path / "models"), open_named)


def texts(registry: Registry) -> dict[str, str]:
    return {v.name: v.solver.models["detector"] for v in registry.served}


def test_a_bundle_is_served_replaced_and_taken_out(registry: Registry, pack: Pack) -> None:
    place = pack("shop", "1.0")
    assert registry.scan()
    assert texts(registry) == {"shop": "1.0", "default": "built-in"}
    assert not registry.scan()
    pack("shop", "1.1")
    assert registry.scan()
    assert texts(registry) == {"shop": "1.1", "default": "built-in"}
    for file in place.iterdir():
        file.unlink()
    assert registry.scan()
    assert texts(registry) == {"default": "built-in"}


def test_of_two_folders_with_one_name_the_later_version_is_served(
    registry: Registry, pack: Pack
) -> None:
    pack("a", "1.9", name="shop")
    pack("b", "1.10", name="shop")
    registry.scan()
    assert texts(registry)["shop"] == "1.10"
    (pack("b", "1.8", name="shop"))
    registry.scan()
    assert texts(registry)["shop"] == "1.9"


@pytest.mark.parametrize(
    ("content", "reason"),
    [("broken", "shop is broken."), ("odd", "ZeroDivisionError")],
    ids=["refused in a sentence", "refused by an unforeseen error"],
)
def test_a_broken_version_leaves_the_old_one(
    registry: Registry, pack: Pack, content: str, reason: str
) -> None:
    pack("shop", "1.0")
    registry.scan()
    old = registry.choose(RouteRequest(model="shop"))
    with capture_logs() as lines:
        pack("shop", "1.1", content)
        assert not registry.scan()
    assert registry.choose(RouteRequest(model="shop")) is old
    (refusal,) = registry.refused
    assert reason in refusal.reason
    assert (refusal.name, refusal.version) == ("shop", "1.1")
    assert any(line["event"] == "bundle refused" for line in lines)
    registry.scan()
    assert registry.refusals_total == {"shop": 1}, "an unchanged folder is not tried again"
    pack("shop", "1.2")
    registry.scan()
    assert texts(registry)["shop"] == "1.2"
    assert not registry.refused


def broken_manifest(place: Path) -> None:
    (place / "bundle.json").write_text("{")


def other_bytes(place: Path) -> None:
    (place / "detector.onnx").write_text("other")


def missing_file(place: Path) -> None:
    (place / "detector.onnx").unlink()


def unnamed_file(place: Path) -> None:
    (place / "siamese.onnx").write_text("who")


@pytest.mark.parametrize("harm", [broken_manifest, other_bytes, missing_file, unnamed_file])
def test_a_half_copied_bundle_is_refused_and_taken_once_it_is_whole(
    registry: Registry, pack: Pack, harm: Callable[[Path], None]
) -> None:
    place = pack("shop", "1.0")
    harm(place)
    registry.scan()
    assert texts(registry) == {"default": "built-in"}
    assert str(place) in registry.refused[0].reason
    (place / "siamese.onnx").unlink(missing_ok=True)
    pack("shop", "1.0")
    registry.scan()
    assert texts(registry) == {"shop": "1.0", "default": "built-in"}
    assert not registry.refused


def test_a_refused_later_folder_leaves_the_earlier_one(registry: Registry, pack: Pack) -> None:
    pack("b", "2.0", "broken", name="shop")
    pack("a", "1.0", name="shop")
    registry.scan()
    assert texts(registry)["shop"] == "1.0"
    pack("b", "2.1", name="shop")
    registry.scan()
    assert texts(registry)["shop"] == "2.1"


def test_rollback_stays_until_a_reload_or_a_change(registry: Registry, pack: Pack) -> None:
    pack("shop", "1.0")
    registry.scan()
    pack("shop", "1.1")
    registry.scan()
    assert registry.rollback("shop").version == "1.0"
    registry.scan()
    assert texts(registry)["shop"] == "1.0"
    assert registry.reload("shop").version == "1.1"
    registry.rollback("shop")
    pack("shop", "1.2")
    registry.scan()
    assert texts(registry)["shop"] == "1.2"


def test_a_version_that_was_rolled_back_is_listed_until_it_is_served_again(
    registry: Registry, pack: Pack
) -> None:
    pack("a", "1.0", name="shop")
    place = pack("b", "2.0", name="shop")
    registry.scan()
    registry.rollback("shop")
    (held,) = registry.held_back
    assert (held.folder, held.version) == ("b", "2.0")
    assert "rolled back" in held.reason
    # Taken out and put in again, it is as good as any other.
    (place / "bundle.json").rename(place / "aside")
    registry.scan()
    (place / "aside").rename(place / "bundle.json")
    registry.scan()
    assert texts(registry)["shop"] == "2.0"
    assert not registry.held_back


def test_a_reload_tells_of_the_folder_whatever_it_is_called(registry: Registry, pack: Pack) -> None:
    place = pack("folder-1", "1.0", name="shop")
    registry.scan()
    (place / "bundle.json").write_text("{")
    with pytest.raises(ModelRefusedError, match="is no manifest"):
        registry.reload("shop")
    assert texts(registry)["shop"] == "1.0"


def test_a_manifest_that_changes_while_it_is_read_is_read_again(
    registry: Registry, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack("shop", "1.0")
    read = Bundle.read

    def replaced_meanwhile(folder: Path) -> Bundle:
        found = read(folder)
        monkeypatch.undo()
        pack("shop", "1.1")
        return found

    monkeypatch.setattr(Bundle, "read", staticmethod(replaced_meanwhile))
    registry.scan()
    registry.scan()
    assert texts(registry)["shop"] == "1.1"


COPIER = """
import itertools, json, hashlib, sys
from pathlib import Path
place = Path(sys.argv[1])
for number in itertools.count(1):
    content = str(number) * 40_000
    with (place / "detector.onnx").open("w") as file:
        for start in range(0, len(content), 4_000):
            file.write(content[start : start + 4_000])
            file.flush()
    told = {
        "name": "shop", "version": f"1.{number}",
        "sha256": {"detector.onnx": hashlib.sha256(content.encode()).hexdigest()},
    }
    (place / "bundle.json").write_text(json.dumps(told, indent=1))
    print(number, flush=True)
"""


def test_whoever_is_killed_while_replacing_a_bundle_leaves_nothing_half_written_served(
    registry: Registry, pack: Pack, python
) -> None:
    """`kill -9` at any moment of a copy, and scans at any moment too."""
    place = pack("shop", "1.0", "0" * 100)
    registry.scan()
    seen = set()
    for wait_s in (0.02, 0.05, 0.0, 0.03, 0.01, 0.04, 0.0, 0.02):
        with python.start(COPIER, place) as copier:
            copier.stdout.readline()
            until = time.monotonic() + wait_s
            while True:
                registry.scan()
                version = registry.choose(RouteRequest(model="shop"))
                text = version.solver.models["detector"]
                number = version.version.removeprefix("1.")
                assert set(text) <= set(number), "a mixture is served"
                assert len(text) in (100, 40_000 * len(number)), "a part is served"
                seen.add(version.version)
                if time.monotonic() > until:
                    break
            copier.kill()
        fresh = Registry(Named("built-in"), registry._settings, open_named)  # a new start
        fresh.scan()
        for version in fresh.served[:-1]:
            number = version.version.removeprefix("1.")
            assert version.solver.models["detector"] == number * 40_000
    pack("shop", "2.0", "whole")
    registry.scan()
    assert texts(registry)["shop"] == "whole"


def test_rollback_finds_an_earlier_folder_that_was_never_served(
    registry: Registry, pack: Pack
) -> None:
    pack("a", "1.0", name="shop")
    pack("b", "1.1", name="shop")
    registry.scan()
    assert registry.rollback("shop").version == "1.0"
    with pytest.raises(NoPreviousVersionError, match=r"go back to from 1\.0"):
        registry.rollback("shop")


def test_what_cannot_be_changed_is_a_sentence(registry: Registry, pack: Pack) -> None:
    pack("shop", "1.0")
    registry.scan()
    for change in (registry.reload, registry.rollback):
        with pytest.raises(UnknownModelError, match=r"no bundle 'nobody'.*shop, default"):
            change("nobody")
    with pytest.raises(NoPreviousVersionError):
        registry.rollback("shop")
    pack("shop", "1.1", "broken")
    with pytest.raises(ModelRefusedError, match="shop is broken"):
        registry.reload("shop")
    assert texts(registry)["shop"] == "1.0"


def test_a_reload_loads_again_what_did_not_change(registry: Registry, pack: Pack) -> None:
    pack("shop", "1.0")
    registry.scan()
    before = registry.choose(RouteRequest(model="shop"))
    assert registry.reload("shop") is not before


def test_memory_of_what_is_taken_out_is_released(registry: Registry, pack: Pack) -> None:
    place = pack("shop", "1.0")
    registry.scan()
    pack("shop", "1.1")
    registry.scan()
    solvers = [weakref.ref(registry.choose(RouteRequest(model="shop")).solver)]
    held = registry.choose(RouteRequest(model="shop"))  # a request in flight
    (place / "bundle.json").unlink()
    registry.scan()
    gc.collect()
    assert solvers[0]() is held.solver
    del held
    gc.collect()
    assert solvers[0]() is None


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(
    registry: Registry, pack: Pack, tmp_path: Path
) -> None:
    pack("shop", "1.0")
    registry.scan()
    (tmp_path / "models").rename(tmp_path / "away")
    assert not registry.scan()
    assert texts(registry)["shop"] == "1.0"


def test_hidden_folders_are_work_in_progress(registry: Registry, pack: Pack) -> None:
    pack(".shop", name="shop")
    pack("_shop", name="shop")
    assert not registry.scan()


SERVED = {
    "alpha": {"sites": ["a.example"]},
    "alpha-icons": {"sites": ["a.example"], "types": ["icons"]},
    "small": {"sizes": [[300, 200]]},
    "words": {"sizes": [[640, 480]], "prompts": ["words"]},
}


@pytest.mark.parametrize(
    ("wish", "answers"),
    [
        (RouteRequest(), "everything"),
        (RouteRequest(model="alpha", size=(300, 200)), "alpha"),
        (RouteRequest(model="default"), "default"),
        (RouteRequest(site="a.example"), "alpha"),
        (RouteRequest(site="a.example", type="icons"), "alpha-icons"),
        (RouteRequest(site="a.example", type="text"), "alpha"),
        (RouteRequest(type="icons"), "everything"),
        (RouteRequest(site="b.example"), "everything"),
        (RouteRequest(site="b.example", size=(300, 200)), "small"),
        (RouteRequest(site="a.example", size=(300, 200)), "alpha"),
        (RouteRequest(size=(300, 200)), "small"),
        (RouteRequest(size=(200, 300)), "everything"),
        (RouteRequest(size=(640, 480), prompt="words"), "words"),
        (RouteRequest(size=(640, 480), prompt="icons"), "everything"),
    ],
    ids=str,
)
def test_routing(registry: Registry, pack: Pack, wish: RouteRequest, answers: str) -> None:
    for name, serves in SERVED.items():
        pack(name, serves=serves)
    pack("everything", default=True)
    registry.scan()
    assert registry.choose(wish).name == answers


def test_without_a_default_bundle_the_built_in_models_answer(
    registry: Registry, pack: Pack
) -> None:
    pack("alpha", serves=SERVED["alpha"])
    registry.scan()
    assert registry.choose(RouteRequest()).name == "default"


def test_a_bundle_named_for_a_prompt_that_it_does_not_serve(registry: Registry, pack: Pack) -> None:
    pack("words", serves=SERVED["words"])
    registry.scan()
    with pytest.raises(UnknownModelError, match="serves prompts of words, not of icons"):
        registry.choose(RouteRequest(model="words", prompt="icons"))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"name": "../x"}, "name"),
        ({"name": "default"}, "have this name already"),
        ({"version": ""}, "version"),
        ({"sha256": {}}, "names none of"),
        ({"sha256": {"../detector.onnx": "0" * 64}}, "not inside"),
        ({"sha256": {"/detector.onnx": "0" * 64}}, "not inside"),
        ({"sha256": {"detector.onnx": "0"}}, "sha256"),
        ({"serves": {"sizes": [[0, 1]]}}, "sizes"),
        ({"serves": {"prompts": ["song"]}}, "prompts"),
        ({"serves": {"site": ["a"]}}, "site"),
        ({"nmae": "x"}, "nmae"),
    ],
    ids=str,
)
def test_manifests_that_cannot_be(pack: Pack, change: dict[str, object], fault: str) -> None:
    import json

    place = pack("shop")
    told = json.loads((place / "bundle.json").read_text()) | change
    (place / "bundle.json").write_text(json.dumps(told))
    with pytest.raises(BundleError, match=fault):
        Bundle.read(place)


def test_requests_never_wait_for_a_swap(registry: Registry, pack: Pack) -> None:
    """A slow load holds nobody up, and every request sees one whole set of versions."""
    pack("shop", "1.0")
    registry.scan()
    gate, loading = threading.Event(), threading.Event()

    def slow(bundle: Bundle) -> Solver:
        loading.set()
        assert gate.wait(600)
        return open_named(bundle)

    registry._open_solver = slow
    pack("shop", "1.1")
    scan = threading.Thread(target=registry.scan)
    scan.start()
    assert loading.wait(600)
    seen: list[Version] = [registry.choose(RouteRequest(model="shop")) for _ in range(100)]
    assert {v.version for v in seen} == {"1.0"}
    gate.set()
    scan.join(120)
    assert registry.choose(RouteRequest(model="shop")).version == "1.1"
