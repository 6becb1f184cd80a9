import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from modelfile import OnnxSession
from modelfile.device import CPU, CUDA, check_device, execution_providers
from modelfile.errors import DeviceError
from service.models.backends import load_solver
from service.settings import load_settings
from service.settings_file import ConfigurationError


def halving_model() -> bytes:
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "half"], ["y"])],
        "halving",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor("half", TensorProto.FLOAT, [1], [0.5])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


@pytest.fixture
def built_with(monkeypatch):
    """Lets ONNX Runtime say what it was built with."""

    def build(*providers: str) -> None:
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*providers])

    return build


@pytest.mark.parametrize(
    ("device", "available", "wanted"),
    [
        pytest.param("cpu", [CPU], [CPU], id="cpu"),
        pytest.param("cpu", [CUDA, CPU], [CPU], id="cpu-where-there-is-cuda"),
        pytest.param("auto", [CPU], [CPU], id="auto"),
        pytest.param("auto", ["OtherExecutionProvider", CPU], [CPU], id="auto-with-another"),
        pytest.param("auto", [CUDA, CPU], [CUDA, CPU], id="auto-with-cuda"),
        pytest.param("cuda", [CUDA, CPU], [CUDA, CPU], id="cuda"),
    ],
)
def test_providers(built_with, device, available, wanted):
    built_with(*available)
    assert execution_providers(device) == wanted


def test_cuda_is_refused_where_it_is_not_built_in(built_with):
    built_with("OtherExecutionProvider", CPU)
    with pytest.raises(DeviceError) as caught:
        OnnxSession(halving_model(), device="cuda")
    sentence = str(caught.value)
    assert "needs an ONNX Runtime with CUDA" in sentence
    assert "has only OtherExecutionProvider, CPUExecutionProvider;" in sentence
    assert sentence.endswith("set the device to cpu or auto.")
    assert "\n" not in sentence
    # Before any file is opened: there is none.
    with pytest.raises(DeviceError):
        OnnxSession("nowhere.onnx", device="cuda")
    with pytest.raises(DeviceError):
        load_solver(load_settings(device="cuda", backend="own"))


def test_cuda_is_refused_where_there_is_no_gpu_to_use():
    check_device("cuda", [CUDA, CPU])
    check_device("auto", [CPU])
    check_device("cpu", [CPU])
    with pytest.raises(DeviceError, match="finds no GPU here that it can use; check the driver"):
        check_device("cuda", [CPU])


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_a_network_runs_on_the_cpu(built_with, device):
    built_with(CPU)
    (halves,) = OnnxSession(halving_model(), device=device).run({"x": np.float32([1, 3])})
    np.testing.assert_array_equal(halves, np.float32([0.5, 1.5]))


def test_the_setting_is_one_of_three(monkeypatch):
    monkeypatch.delenv("CLICKORDER_DEVICE", raising=False)
    assert load_settings().device == "cpu"
    monkeypatch.setenv("CLICKORDER_DEVICE", "auto")
    assert load_settings().device == "auto"
    monkeypatch.setenv("CLICKORDER_DEVICE", "tpu")
    with pytest.raises(ConfigurationError, match="CLICKORDER_DEVICE"):
        load_settings()


def test_the_type_of_the_setting_needs_no_onnx_runtime():
    code = "import sys, modelfile.device; assert 'onnxruntime' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
