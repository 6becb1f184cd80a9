"""The profile of a solve: counted arithmetic, and steps that are timed once each."""

import time

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.hot_swap import ROOT
from benchmarks.profile_solve import (
    STEPS,
    Clock,
    clocked,
    multiply_adds,
    networks,
    profile,
    sustained,
    tables,
)
from benchmarks.service_process import default_sets
from labels.puzzles import read_puzzles
from modelfile.session import OnnxSession
from service.models.backends import model_files

FILES = {path.stem: path for path in model_files(None).values() if path.suffix == ".onnx"}


def small_network():
    """A strided convolution in two groups on any number of pictures, then a linear layer."""
    weights = {
        "kernel": np.zeros((6, 2, 3, 3), np.float32),
        "linear": np.zeros((6 * 4 * 4, 10), np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["c"], pads=[1] * 4, strides=[2, 2], group=2),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("MatMul", ["f", "linear"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])],
        initializer=[numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("pictures", [1, 5])
def test_multiply_adds_are_counted_from_the_graph(pictures):
    # 6 channels of 4x4 outputs, each over 2 channels of 3x3; then 96 inputs to 10 outputs.
    each = 6 * 4 * 4 * (2 * 3 * 3) + 96 * 10
    assert multiply_adds(small_network(), {"x": (pictures, 4, 8, 8)}) == pictures * each


@pytest.mark.parametrize("name", ["detector", "prompt_detector", "classifier", "siamese"])
def test_every_shipped_network_can_be_counted(name):
    import onnx

    spec = OnnxSession(FILES[name]).inputs
    once, twice = (
        multiply_adds(onnx.load(FILES[name]), {one.name: (n, *one.shape[1:]) for one in spec})
        for n in (1, 2)
    )
    assert once > 1e6
    if spec[0].shape[0] is None:
        assert twice == pytest.approx(2 * once, rel=0.02)


def test_time_inside_of_a_step_is_not_the_step_s_own(monkeypatch):
    now = iter([0.0, 1.0, 4.0, 10.0])
    monkeypatch.setattr(time, "thread_time", lambda: next(now))
    clock = Clock()
    with clock.step("outer"), clock.step("inner"):
        pass
    assert dict(clock.seconds) == {"inner": 3.0, "outer": 7.0}


def test_every_step_of_a_solve_is_counted_and_networks_have_limits():
    puzzles = []
    for family in ("text-words", "icon-list", "icon-strip"):
        folder = next(one for one in default_sets(ROOT) if one.name == family)
        read = read_puzzles(folder)
        puzzles.append((read.puzzles[0], read.folder))
    clock = profile(puzzles, effort="normal")
    assert set(STEPS) <= set(clock.seconds)
    assert set(clock.runs) == {"detector", "prompt_detector", "classifier", "siamese"}
    found = networks(clock, len(puzzles), FILES, int8=1e9, single=5e8)
    assert all(one.float_limit_ms == pytest.approx(2 * one.limit_ms) for one in found)
    steps, limits = tables({"all": (clock, len(puzzles))}, found)
    assert steps.row_count == len(clock.seconds) + 1
    assert limits.row_count == 4


def test_what_is_clocked_is_left_as_it_was():
    run = OnnxSession.run
    with clocked(Clock()):
        assert OnnxSession.run is not run
    assert OnnxSession.run is run


@pytest.mark.parametrize("operator", ["MatMul", "MatMulInteger"])
def test_a_rate_is_measured(operator):
    assert sustained(operator, seconds=0.05) > 1e6
