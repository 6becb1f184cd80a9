"""Two processes under `torchrun`, on CPUs, train as one process with the whole batch does."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from training.core.checkpoint import load_checkpoint
from training.core.distributed import ShareError, own_blocks, own_share, share_batch_norms
from training.core.run_folder import RunFolder
from training.text.cli import app

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")
LIMIT_S = 800


def torchrun(*arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*TORCHRUN, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def two_processes(script: Path, folder: Path) -> "list[subprocess.Popen[str]]":
    """A script in two processes, with the environment that `torchrun` gives them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"PYTHONPATH": str(ROOT), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [
        subprocess.Popen(
            [sys.executable, str(script), str(folder)],
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in (0, 1)
    ]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory):
    """What one process and two processes computed."""
    script = HERE / "joint_training.py"
    both, one = tmp_path_factory.mktemp("both"), tmp_path_factory.mktemp("one")
    processes = two_processes(script, both)
    spec = importlib.util.spec_from_file_location("joint_training", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from training.core import loop

    threads, precision = torch.get_num_threads(), loop.half_precision
    try:
        alone = module.train(one)
    finally:
        torch.set_num_threads(threads)
        loop.half_precision = precision
    for process in processes:
        output, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, output
    return alone, [torch.load(both / f"{rank}.pt") for rank in (0, 1)], both


ROUNDING = 1e-3
"""Sums in another order differ by rounding; a few steps magnify that."""


@pytest.mark.parametrize("name", ["matcher", "reader"])
def test_losses_and_gradients_are_those_of_one_process(results, name: str) -> None:
    alone, both, _ = results
    for result in both:
        ours, theirs = result[name], alone[name]
        assert len(ours["losses"]) == len(theirs["losses"]) == 3
        for at, (of_two, of_one) in enumerate(zip(ours["losses"], theirs["losses"], strict=True)):
            assert of_two[1] == of_one[1]
            assert of_two[0] == pytest.approx(of_one[0], rel=ROUNDING if at else 1e-5), at
        assert ours["gradients"].keys() == theirs["gradients"].keys()
        largest = max(float(gradient.norm()) for gradient in theirs["gradients"].values())
        for key, gradient in theirs["gradients"].items():
            off = float((ours["gradients"][key] - gradient).norm())
            assert off <= ROUNDING * max(float(gradient.norm()), 1e-3 * largest), key
        assert ours["state"].keys() == theirs["state"].keys()
        for key in (key for key in theirs["state"] if "running_mean" in key):
            off = float((ours["state"][key] - theirs["state"][key]).norm())
            assert off <= ROUNDING * float(theirs["state"][key].norm()), key


def test_both_processes_have_the_same_weights(results) -> None:
    _, (first, second), _ = results
    for name in ("matcher", "reader"):
        for key, value in first[name]["state"].items():
            assert torch.equal(second[name]["state"][key], value), key


def test_the_first_process_alone_writes(results) -> None:
    _, _, folder = results
    for name in ("matcher", "reader"):
        rows = RunFolder(folder / name).metrics()
        assert [row["step"] for row in rows] == [3]
        assert load_checkpoint(folder / name / "last.pt")["step"] == 3


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5, 2)], ids=str)
@pytest.mark.parametrize("affine", [True, False], ids=["affine", "plain"])
def test_shared_statistics_of_one_process_are_those_of_torch(shape, affine: bool) -> None:
    torch.manual_seed(3)
    kind = torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d
    own, theirs = (torch.nn.Sequential(kind(3, affine=affine)).double() for _ in range(2))
    if affine:
        torch.nn.init.normal_(theirs[0].weight)
        own.load_state_dict(theirs.state_dict())
    weights = list(own.parameters())
    share_batch_norms(own)
    assert [id(p) for p in own.parameters()] == [id(p) for p in weights]
    given = torch.randn(shape, dtype=torch.float64)
    wanted = torch.randn(shape, dtype=torch.float64)
    found = []
    for module in (own, theirs):
        inputs = given.clone().requires_grad_()
        outputs = module(inputs)
        (outputs * wanted).sum().backward()
        after = module.eval()(given)
        found.append([outputs, inputs.grad, after, *module.state_dict().values()])
    assert list(own.state_dict()) == list(theirs.state_dict())
    for ours, other in zip(*found, strict=True):
        torch.testing.assert_close(ours, other)


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of one bar, high or low."""
    folder, rng = tmp_path_factory.mktemp("bars"), np.random.default_rng(1)
    for number in range(60):
        picture = rng.integers(200, 256, (24, 48, 3), dtype=np.uint8)
        picture[slice(3, 11) if number % 2 else slice(13, 21), 10:16] = 30
        Image.fromarray(picture).save(folder / f"{number % 2}_{number:03}.png")
    return folder


def test_a_run_of_several_processes_is_stopped_and_resumed(bars: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ("--size", "48x24", "--batch", "9", "--threads", "1", "--check-every", "4")
    code = "from training.text.cli import app; app()"
    command = ("--no-python", sys.executable, "-c", code, bars, "--out", out, *options)
    running = torchrun(*command, "--steps", "100000")
    deadline = time.monotonic() + LIMIT_S
    while len(RunFolder(out).metrics()) < 2:
        assert running.poll() is None, running.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.2)
    running.send_signal(signal.SIGTERM)
    output, _ = running.communicate(timeout=LIMIT_S)
    assert "goes on from there" in output
    step = load_checkpoint(out / "last.pt")["step"]
    assert step >= 8
    # One process goes on as well.
    arguments = [str(bars), "--out", str(out), *options, "--resume", "--steps", str(step + 4)]
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 0, told.output
    assert load_checkpoint(out / "last.pt")["step"] == step + 4
    steps = [row["step"] for row in RunFolder(out).metrics() if "accuracy" in row]
    assert steps == sorted(set(steps))
    assert (out / "text.onnx").is_file()


@pytest.mark.parametrize(
    ("rank", "kinds"),
    [(0, {"characters": 2, "icons": 1, "latin": 1}), (1, {"characters": 2, "icons": 1})],
)
def test_blocks_are_dealt_in_turn(monkeypatch, rank: int, kinds: dict[str, int]) -> None:
    monkeypatch.setattr("training.core.distributed.rank", lambda: rank)
    monkeypatch.setattr("training.core.distributed.world_size", lambda: 2)
    assert own_blocks({"characters": 4, "icons": 2, "latin": 1}) == kinds
    assert own_share(7, "pictures") == 4 - rank


def test_more_processes_than_blocks_are_refused(monkeypatch) -> None:
    monkeypatch.setattr("training.core.distributed.world_size", lambda: 9)
    with pytest.raises(ShareError, match="8 blocks in a batch cannot be shared by 9 processes"):
        own_blocks({"characters": 8})
