"""Backends: which models are put together, on the real embedded files."""

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from classifier.text_reader import SHIPPED
from labels.puzzles import read_puzzles
from modelfile import MANIFEST, ModelChecksumError
from service.errors import ModelUnavailableError
from service.models.backends import BackendError, load_solver, own_files
from service.settings import Settings
from service.solving.prompts import IconsPrompt, WordsPrompt
from service.solving.solver import Solver
from siamese.errors import PrototypesError

PUZZLES = Path(__file__).resolve().parents[3] / "benchmarks" / "puzzles"


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def embedded():
    return load_solver(Settings(backend="ddddocr"))


def test_the_embedded_backend_names_its_models(embedded) -> None:
    assert set(embedded.models) == {"detector", "classifier", "text"}
    assert embedded.models["detector"].startswith("ddddocr-detector 1.")


def test_the_embedded_backend_solves_drawn_puzzles(embedded) -> None:
    """Most of the frozen puzzles of characters; string equality would solve about one in ten."""
    puzzles = read_puzzles(PUZZLES / "text-words")
    solved = 0
    for puzzle in puzzles.puzzles[:16]:
        answer = embedded.solve(
            picture(puzzles.folder / puzzle.background), WordsPrompt(puzzle.words)
        )
        assert len({click.box for click in answer.clicks}) == len(answer.clicks)
        solved += len(answer.clicks) == len(puzzle.targets) and all(
            x1 <= click.x < x2 and y1 <= click.y < y2
            for click, (x1, y1, x2, y2) in zip(answer.clicks, puzzle.targets, strict=True)
        )
    assert solved >= 6


def test_icons_need_a_siamese_model(embedded) -> None:
    blank = np.full((80, 120, 3), 255, np.uint8)
    with pytest.raises(ModelUnavailableError, match="Siamese"):
        embedded.solve(blank, IconsPrompt((blank,)))


def test_own_without_weights_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "detector.onnx").touch()
    # As where the shipped weights were taken out.
    found = {tmp_path: {"detector": tmp_path / "detector.onnx"}, None: {}}
    monkeypatch.setattr("service.models.backends.own_files", found.get)
    with pytest.raises(BackendError, match=r"needs detector\.onnx and at least one of"):
        load_solver(Settings(backend="own", models_dir=tmp_path))


@pytest.mark.parametrize("folder", [".", "nowhere"])
def test_a_models_folder_without_models_is_one_sentence(folder: str, tmp_path: Path) -> None:
    (tmp_path / "weights.onnx").touch()
    with pytest.raises(BackendError, match="CLICKORDER_MODELS_DIR"):
        load_solver(Settings(backend="auto", models_dir=tmp_path / folder))


def test_a_models_folder_of_bundles_leaves_the_shipped_weights_the_default(
    tmp_path: Path, shipped: Solver
) -> None:
    (tmp_path / "shop").mkdir()
    for stray in (".gitignore", "README.md"):
        (tmp_path / stray).touch()
    assert load_solver(Settings(models_dir=tmp_path)).models == shipped.models


def test_the_default_is_the_shipped_weights_and_beats_the_embedded_backend(
    shipped: Solver,
) -> None:
    """On the frozen puzzles of characters; the embedded backend solves about half of these."""
    assert {role: name.split()[0] for role, name in shipped.models.items()} == {
        "detector": "clickorder-detector",
        "prompt_detector": "clickorder-prompt-detector",
        "classifier": "clickorder-classifier",
        "siamese": "clickorder-siamese",
        "names": "clickorder-names",
        "text": "clickorder-text",
    }
    puzzles = read_puzzles(PUZZLES / "text-words")
    solved = 0
    for puzzle in puzzles.puzzles[:24]:
        answer = shipped.solve(
            picture(puzzles.folder / puzzle.background), WordsPrompt(puzzle.words)
        )
        solved += len(answer.clicks) == len(puzzle.targets) and all(
            x1 <= click.x < x2 and y1 <= click.y < y2
            for click, (x1, y1, x2, y2) in zip(answer.clicks, puzzle.targets, strict=True)
        )
    assert solved >= 13


def test_auto_without_own_weights_is_the_embedded_backend(
    embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.models.backends.own_files", lambda _: {})
    assert load_solver(Settings(backend="auto")).models == embedded.models


def test_weights_that_are_not_those_of_their_manifest_are_not_loaded(tmp_path: Path) -> None:
    for role, path in own_files(None).items():
        if path.suffix == ".onnx":
            (tmp_path / f"{role}.onnx").write_bytes(path.read_bytes())
    (tmp_path / MANIFEST).write_text(f"{'0' * 64}  siamese.onnx\n", encoding="utf-8")
    with pytest.raises(ModelChecksumError, match=r"siamese\.onnx"):
        load_solver(Settings(models_dir=tmp_path))
    (tmp_path / MANIFEST).unlink()
    assert set(load_solver(Settings(models_dir=tmp_path)).models) == {
        "detector", "prompt_detector", "classifier", "siamese", "names", "text"
    }  # fmt: skip


def write_ctc_export(file: Path, *, symbols: int) -> None:
    """A graph of dddd_trainer's shapes: grey pictures to `(T, 1, C)` logits."""
    nodes = [
        helper.make_node("ReduceMean", ["input1"], ["grey"], axes=[1, 2], keepdims=0),
        helper.make_node("Unsqueeze", ["grey", "last"], ["column"]),
        helper.make_node("MatMul", ["column", "weight"], ["steps"]),
        helper.make_node("Transpose", ["steps"], ["output"], perm=[1, 0, 2]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "export",
        [value("input1", TensorProto.FLOAT, [1, 1, 64, "width"])],
        [value("output", TensorProto.FLOAT, None)],
        initializer=[
            numpy_helper.from_array(np.array([-1]), "last"),
            numpy_helper.from_array(np.ones((1, symbols), np.float32), "weight"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    file.write_bytes(model.SerializeToString())


ROLES = ("detector", "prompt_detector", "classifier", "siamese", "names", "text")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("backend", ["auto", "own"])
def test_one_file_of_ones_own_leaves_the_others_shipped(
    tmp_path: Path, shipped: Solver, role: str, backend: str
) -> None:
    file = SHIPPED if role == "text" else own_files(None)[role]
    (tmp_path / f"{role}.onnx").write_bytes(file.read_bytes())
    solver = load_solver(Settings(models_dir=tmp_path, backend=backend))
    # A detector of one's own reads prompt pictures too; the shipped reader is not put beside it.
    filled = [name for name in ROLES if (role, name) != ("detector", "prompt_detector")]
    assert solver.models == {name: shipped.models[name] for name in filled}
    assert solver.parts.calibrations == shipped.parts.calibrations
    own = {role: str(tmp_path / f"{role}.onnx")}
    assert solver.origins == dict.fromkeys((*filled, "calibration"), "shipped") | own


def test_own_files_without_shipped_ones_are_helped_out_by_the_embedded_backend(
    embedded: Solver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "siamese.onnx").write_bytes(own_files(None)["siamese"].read_bytes())
    found = {tmp_path: {"siamese": tmp_path / "siamese.onnx"}, None: {}}
    monkeypatch.setattr("service.models.backends.own_files", found.get)
    solver = load_solver(Settings(models_dir=tmp_path))
    assert solver.models["detector"] == embedded.models["detector"]
    assert solver.origins["classifier"] == "ddddocr"


@pytest.mark.parametrize("kind", ["ours", "dddd_trainer"])
def test_charsets_beside_a_text_model_are_not_the_classifiers(
    tmp_path: Path, shipped: Solver, stripes, kind: str
) -> None:
    """As `clickorder text to-ddddocr` leaves them, or dddd_trainer exports them."""
    charsets = {"charset": ["", "0", "1"], "word": False, "image": [-1, 64], "channel": 1}
    (tmp_path / "charsets.json").write_text(json.dumps(charsets))
    if kind == "ours":
        stripes.model(tmp_path / "text.onnx")
    else:
        write_ctc_export(tmp_path / "text.onnx", symbols=3)
    solver = load_solver(Settings(models_dir=tmp_path))
    assert solver.models["classifier"] == shipped.models["classifier"]
    assert solver.models["text"] != shipped.models["text"]
    # And beside a classifier of ours, which has its charset in its metadata.
    classifier = own_files(None)["classifier"].read_bytes()
    (tmp_path / "classifier.onnx").write_bytes(classifier)
    both = load_solver(Settings(models_dir=tmp_path))
    assert both.models == solver.models


def test_own_files_are_found_by_name(tmp_path: Path) -> None:
    for name in ("detector.onnx", "classifier.onnx", "charsets.json", "calibration.json", "x.onnx"):
        (tmp_path / name).touch()
    found = {role: path.name for role, path in own_files(tmp_path).items()}
    assert found == {
        "detector": "detector.onnx",
        "classifier": "classifier.onnx",
        "charsets": "charsets.json",
        "calibration": "calibration.json",
    }


def test_names_of_ones_own_come_with_their_vocabulary(
    tmp_path: Path, shipped: Solver, colour_names
) -> None:
    colour_names.write(tmp_path)
    solver = load_solver(Settings(models_dir=tmp_path))
    assert solver.models == dict(shipped.models) | {"names": "tiny 0.1"}
    assert solver.origins["names"] == str(tmp_path / "names.onnx")
    assert solver.parts.namer is not None
    assert len(solver.parts.namer.vocabulary) == len(colour_names.things)


@pytest.mark.parametrize(
    ("gone", "part"),
    [("names.onnx", "another names.onnx"), ("names.npz", "another names.onnx"),
     ("vocabulary.jsonl", "another vocabulary.jsonl")],
)  # fmt: skip
def test_the_shipped_files_do_not_go_with_names_of_ones_own(
    tmp_path: Path, colour_names, gone: str, part: str
) -> None:
    colour_names.write(tmp_path)
    (tmp_path / gone).unlink()
    with pytest.raises(PrototypesError, match=part):
        load_solver(Settings(models_dir=tmp_path))
