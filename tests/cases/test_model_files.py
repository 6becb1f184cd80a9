"""Files of models as exporters and people really leave them."""

import base64
import codecs
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from classifier.dddd_trainer import DdddTrainerClassifier
from detector import YoloDetector
from detector.decode import find_layout
from labels.puzzles import read_puzzles
from modelfile import (
    ModelChecksumError,
    ModelCorruptError,
    ModelMissingError,
    OnnxSession,
    external_files,
    verify_manifest,
)
from service.errors import BadBase64Error
from service.models.bundle import Bundle, Manifest, bundle_files, file_sums, manifest_text
from service.pictures import decode_base64
from service.settings import Settings
from training.text.config import read_config

BOM = codecs.BOM_UTF8
SIDE = 64


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def linear(*, kind=TensorProto.FLOAT, ir_version=8, opset=17, op="MatMul", domain="", **tensors):
    """A network of one layer: `(n, 3)` to `(n, 2)`."""
    weight = numpy_helper.from_array(
        np.ones((3, 2), np.float64 if kind == TensorProto.DOUBLE else np.float32), "weight"
    )
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "weight"], ["y"], domain=domain)],
        "linear",
        [value("x", ["n", 3], kind)],
        [value("y", ["n", 2], kind)],
        initializer=[weight],
    )
    imports = [helper.make_opsetid("", opset)]
    if domain:
        imports.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=imports, ir_version=ir_version)


# id, bytes of the file, words of the sentence
BROKEN = {
    "IR too new": (lambda: linear(ir_version=99), "IR version"),
    "opset too new": (lambda: linear(opset=99), "opset"),
    "custom operator": (lambda: linear(op="Fancy", domain="my.own"), "my.own"),
    "unknown operator": (lambda: linear(op="Fancy"), "Fancy"),
}


@pytest.mark.parametrize(("make", "words"), BROKEN.values(), ids=BROKEN)
def test_the_reason_of_the_runtime_is_in_the_sentence(tmp_path, make, words):
    (tmp_path / "m.onnx").write_bytes(make().SerializeToString())
    with pytest.raises(ModelCorruptError) as caught:
        OnnxSession(tmp_path / "m.onnx")
    sentence = str(caught.value)
    assert words in sentence
    assert "ONNXRuntimeError" not in sentence
    assert "\n" not in sentence
    assert "download or export it again" not in sentence


def test_a_pointer_of_git_lfs(tmp_path):
    (tmp_path / "m.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(ModelCorruptError, match="git lfs pull"):
        OnnxSession(tmp_path / "m.onnx")


def test_no_model_at_all_has_its_reason_too(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"<html>404</html>")
    with pytest.raises(ModelCorruptError, match=r"can load \(.+\); download"):
        OnnxSession(tmp_path / "m.onnx")


def test_double_precision_takes_and_gives_float32():
    model = linear(kind=TensorProto.DOUBLE).SerializeToString()
    (found,) = OnnxSession(model).run({"x": np.ones((1, 3), np.float32)})
    assert found.dtype == np.float32
    assert found.tolist() == [[3, 3]]


def yolo(path: Path, *, rows: int, columns: int, kind=TensorProto.FLOAT, **properties) -> Path:
    """A detector that answers the same always: one box of class 0 with the mean of its input."""
    table = np.zeros((1, rows, columns), np.float32)
    table[0, 0] = [8, 8, 24, 24, 0.9, 0]
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["seen"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMax", ["seen"], ["most"], keepdims=0),
            helper.make_node("Mul", ["most", "zero"], ["nothing"]),
            helper.make_node("Add", ["table", "nothing"], ["output0"]),
        ],
        "yolo",
        [value("images", [1, 3, SIDE, SIDE], kind)],
        [value("output0", [1, rows, columns])],
        initializer=[
            numpy_helper.from_array(table, "table"),
            numpy_helper.from_array(np.zeros((), np.float32), "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"task": "detect", "names": "{0: 'item'}", **properties})
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    "properties",
    [
        {"end2end": "False", "args": "{'nms': True, 'batch': 1}"},
        {"end2end": "False"},
        {"args": "{'nms': True}"},
        {"end2end": "True"},
        {"end2end": "False", "args": "not a literal"},
        {},
    ],
)
def test_an_export_with_nms_is_read_whatever_its_metadata_say(tmp_path, properties):
    file = yolo(tmp_path / "d.onnx", rows=300, columns=6, **properties)
    detector = YoloDetector.load(file)
    assert detector.layout.kind == "end_to_end"
    found = detector.detect(np.zeros((SIDE, SIDE, 3), np.uint8))
    np.testing.assert_allclose(found.boxes, [[8, 8, 24, 24]])
    np.testing.assert_allclose(found.scores, [0.9])


def test_a_grid_with_two_classes_stays_a_grid():
    assert find_layout((1, 6, 84), (SIDE, SIDE), classes=2, end_to_end=False).kind == "v8"


def test_an_input_of_bytes_gets_the_pixels_as_they_are(tmp_path):
    file = yolo(tmp_path / "d.onnx", rows=300, columns=6, kind=TensorProto.UINT8)
    found = YoloDetector.load(file).detect(np.full((SIDE, SIDE, 3), 255, np.uint8))
    assert len(found) == 1


@pytest.fixture
def trainer_export(tmp_path) -> Path:
    """An export of dddd_trainer whose weights lie in a file of their own, argmax at its end."""
    weight = np.random.default_rng(1).normal(size=(8 * 8, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["input1"], ["flat"], axis=1),
            helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
            helper.make_node("ArgMax", ["logits"], ["output"], axis=1, keepdims=0),
        ],
        "trainer",
        [value("input1", [1, 1, 8, 8])],
        [value("output", [1], TensorProto.INT64)],
        initializer=[numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save_model(
        model, tmp_path / "classifier.onnx", save_as_external_data=True, size_threshold=0,
        location="classifier.onnx.data", convert_attribute=False,
    )  # fmt: skip
    (tmp_path / "charsets.json").write_bytes(
        BOM
        + json.dumps(
            {"charset": ["a", "b", "c"], "word": True, "image": [8, 8], "channel": 1}
        ).encode()
    )
    return tmp_path


class TestWeightsInAFileOfTheirOwn:
    def test_they_are_found_from_any_folder(self, trainer_export, monkeypatch, tmp_path_factory):
        monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
        classifier = DdddTrainerClassifier.load(trainer_export / "classifier.onnx")
        readings = classifier.read([np.zeros((8, 8, 3), np.uint8)])
        assert readings.score_words(["a", "b", "c"]).shape == (3, 1)

    def test_they_are_named(self, trainer_export):
        model = (trainer_export / "classifier.onnx").read_bytes()
        assert external_files(model) == ("classifier.onnx.data",)
        assert external_files(linear().SerializeToString()) == ()

    def test_missing_ones_are_named(self, trainer_export):
        (trainer_export / "classifier.onnx.data").unlink()
        with pytest.raises(ModelMissingError, match=r"keeps weights in classifier\.onnx\.data"):
            DdddTrainerClassifier.load(trainer_export / "classifier.onnx")

    def test_they_are_in_the_checksums(self, trainer_export):
        sums = {
            name: hashlib.sha256((trainer_export / name).read_bytes()).hexdigest()
            for name in ("classifier.onnx", "classifier.onnx.data")
        }
        text = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
        (trainer_export / "SHA256SUMS").write_text(text)
        verify_manifest(trainer_export / "classifier.onnx")
        (trainer_export / "classifier.onnx.data").write_bytes(b"other")
        with pytest.raises(ModelChecksumError, match=r"classifier\.onnx\.data has the SHA-256"):
            verify_manifest(trainer_export / "classifier.onnx")

    def test_they_are_packed_and_watched(self, trainer_export):
        assert "classifier.onnx.data" in bundle_files(trainer_export)
        manifest = Manifest(name="x", version="1", sha256=file_sums(trainer_export))
        (trainer_export / "bundle.json").write_text(manifest_text(manifest))
        bundle = Bundle.read(trainer_export)
        assert trainer_export / "classifier.onnx.data" in bundle.files


class TestByteOrderMarks:
    def test_settings(self, tmp_path):
        (tmp_path / "clickorder.toml").write_bytes(BOM + b"[limits]\npixels = 12345\n")
        assert Settings(settings=tmp_path / "clickorder.toml").limits.pixels == 12345

    def test_bundle(self, trainer_export):
        manifest = Manifest(name="x", version="1", sha256=file_sums(trainer_export))
        (trainer_export / "bundle.json").write_bytes(BOM + manifest_text(manifest).encode())
        assert Bundle.read(trainer_export).title == "x 1"

    def test_puzzles(self, tmp_path, shape):
        shape(1).save(tmp_path / "1.png")
        line = {
            "id": "1", "background": "1.png", "prompt": {"words": ["a"]}, "words": ["a"],
            "targets": [[1, 1, 9, 9]],
        }  # fmt: skip
        (tmp_path / "puzzles.jsonl").write_bytes(BOM + json.dumps(line).encode() + b"\n")
        assert len(read_puzzles(tmp_path)) == 1

    def test_yaml_of_a_training(self, tmp_path):
        (tmp_path / "run.yaml").write_bytes(BOM + b"charset: numeric\n")
        assert read_config(tmp_path / "run.yaml") == {"charset": "numeric"}

    def test_keys_are_written_into_such_a_file(self, tmp_path, run):
        file = tmp_path / "clickorder.toml"
        file.write_bytes(BOM + b"[limits]\npixels = 12345\n")
        result = run("keys", "new", "me", "--settings", file)
        assert result.exit_code == 0, result.output
        assert b"pixels = 12345" in file.read_bytes()


class TestBase64:
    RAW = bytes(range(256)) * 3

    def test_a_plus_that_became_a_space_is_a_plus_again(self):
        text = base64.b64encode(self.RAW).decode()
        assert "+" in text
        assert decode_base64(text.replace("+", " ")) == self.RAW
        assert decode_base64("data:image/png;base64," + text.replace("+", " ")) == self.RAW

    @pytest.mark.parametrize("width", [4, 60, 76])
    @pytest.mark.parametrize("end", [" ", "\n", "\r\n"])
    def test_wrapped_lines_are_read_as_before(self, width, end):
        text = base64.b64encode(self.RAW).decode()
        lines = [text[at : at + width] for at in range(0, len(text), width)]
        assert decode_base64(end.join(lines)) == self.RAW

    def test_what_is_none_stays_none(self):
        with pytest.raises(BadBase64Error):
            decode_base64("not base64 at all!")
