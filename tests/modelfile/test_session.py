import hashlib

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save_model

from modelfile import (
    ModelChecksumError,
    ModelCorruptError,
    ModelMissingError,
    ModelRunError,
    ModelSession,
    OnnxSession,
    TensorSpec,
    packaged_file,
    verify_sha256,
)


def doubling_model(
    dtype=TensorProto.FLOAT, properties=None, *, opset=17, ir_version=8, operator="Add"
):
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", "x"], ["y"])],
        "doubling",
        [helper.make_tensor_value_info("x", dtype, ["n", 2])],
        [helper.make_tensor_value_info("y", dtype, ["n", 2])],
    )
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=ir_version)
    helper.set_model_props(model, properties or {})
    return model.SerializeToString()


@pytest.mark.parametrize("kind", ["bytes", "path", "text"])
def test_loads_bytes_and_paths(tmp_path, kind):
    path = tmp_path / "double.onnx"
    path.write_bytes(doubling_model(properties={"a": "1"}))
    source = {"bytes": path.read_bytes(), "path": path, "text": str(path)}[kind]
    session: ModelSession = OnnxSession(source, threads=2)
    assert session.source == ("The model given as bytes" if kind == "bytes" else str(path))
    assert session.inputs == (TensorSpec("x", (None, 2), "tensor(float)"),)
    assert session.outputs[0].name == "y"
    assert session.properties == {"a": "1"}
    (doubled,) = session.run({"x": np.array([[1, 2]], np.float32)}, ["y"])
    np.testing.assert_array_equal(doubled, [[2, 4]])


def test_half_precision_takes_and_gives_single():
    session = OnnxSession(doubling_model(TensorProto.FLOAT16))
    (doubled,) = session.run({"x": np.array([[0.5, 3]], np.float32)})
    assert doubled.dtype == np.float32
    np.testing.assert_array_equal(doubled, [[1, 6]])


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(ModelMissingError, match=r"nothing\.onnx does not exist; check"):
        OnnxSession(tmp_path / "nothing.onnx")
    with pytest.raises(ModelMissingError, match="is a folder"):
        OnnxSession(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model", doubling_model()[:-20], b"\x89PNG\r\n\x1a\n" + bytes(64)],
    ids=["empty", "text", "truncated", "picture"],
)
def test_a_file_that_is_no_model(tmp_path, capfd, content):
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelCorruptError, match=r"broken\.onnx is not an ONNX model"):
        OnnxSession(path)
    assert capfd.readouterr() == ("", "")


FAULTS = {
    "web-page": (b"<!DOCTYPE html><html></html>", "Protobuf parsing failed"),
    "empty": (b"", "No graph was found"),
    "text": (b"not a model", "Protobuf parsing failed"),
    "opset": (doubling_model(opset=99), "opset"),
    "ir": (doubling_model(ir_version=99), "IR version"),
    "operator": (doubling_model(operator="Sextuple"), "Sextuple"),
}


@pytest.mark.parametrize(("content", "reason"), FAULTS.values(), ids=FAULTS)
def test_the_reason_is_told(tmp_path, content, reason):
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelCorruptError, match="is not an ONNX model") as raised:
        OnnxSession(path)
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def test_weights_in_a_second_file(tmp_path):
    path = tmp_path / "tiny.onnx"
    weight = numpy_helper.from_array(np.arange(2, dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "w"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
        initializer=[weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save_model(model, path, save_as_external_data=True, location="tiny.onnx.data", size_threshold=0)
    (result,) = OnnxSession(path).run({"x": np.ones(2, np.float32)})
    assert result.tolist() == [0, 1]
    (tmp_path / "tiny.onnx.data").unlink()
    with pytest.raises(ModelMissingError, match=r"keeps weights in tiny\.onnx\.data, which is not"):
        OnnxSession(path)


@pytest.mark.parametrize(
    "feeds",
    [
        {"x": np.zeros((1, 3), np.float32)},
        {"x": np.zeros((2,), np.float32)},
        {"z": np.zeros((1, 2), np.float32)},
    ],
    ids=["width", "rank", "name"],
)
def test_arrays_that_do_not_fit(capfd, feeds):
    session = OnnxSession(doubling_model(), source="double.onnx")
    with pytest.raises(ModelRunError, match=r"double\.onnx failed on .*declared as x \(None, 2\)"):
        session.run(feeds)
    assert capfd.readouterr() == ("", "")


def test_checksums(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"abc")
    good = hashlib.sha256(b"abc").hexdigest()
    verify_sha256(path, good)
    verify_sha256(path, f" {good.upper()}\n")
    with pytest.raises(ModelChecksumError, match=f"a.onnx has the SHA-256 {good} and not 00"):
        verify_sha256(path, "00" * 32)
    with pytest.raises(ModelMissingError):
        verify_sha256(tmp_path / "b.onnx", good)


def test_files_of_packages():
    found = packaged_file("hypothesis", "__init__.py", extra="x")
    assert found.path.is_file()
    assert found.version.count(".") == 2
    with pytest.raises(ModelMissingError, match=r"no file nothing\.onnx; install it with .*\[x\]"):
        packaged_file("hypothesis", "nothing.onnx", extra="x")
    with pytest.raises(ModelMissingError, match="no_such_package_here is not installed"):
        packaged_file("no_such_package_here", "a.onnx", extra="x")
