"""Weights in other files, of real models written by onnx."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save_model

from modelfile import ModelMissingError, external_files


def written(path, location):
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "w"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
        initializer=[numpy_helper.from_array(np.arange(2, dtype=np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save_model(model, path, save_as_external_data=bool(location), location=location or None,
               size_threshold=0)  # fmt: skip
    return path


@pytest.mark.parametrize(
    "name", ["", "m.onnx.data", "weights.bin", "模型.data", "a" * 200 + ".data"], ids=len
)
def test_names_are_found(tmp_path, name):
    assert external_files(written(tmp_path / "m.onnx", name)) == ((name,) if name else ())


def test_a_file_that_is_no_model_has_none(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"\n\x08location\x12\x02\xff\xfe")
    assert external_files(tmp_path / "m.onnx") == ()
    with pytest.raises(ModelMissingError):
        external_files(tmp_path / "n.onnx")
