"""Training a detector for real, on pictures that can be learned in seconds."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from detector import YoloDetector, letterbox
from detector.network import build_network
from modelfile import ModelMetadata
from training.core import onnx_export
from training.detector import export as detector_export
from training.detector.batches import EpochFrames, batches
from training.detector.data import read_detection_data
from training.detector.export import LICENCE, describe, export_detector
from training.detector.metrics import DetectionScores, Thresholds
from training.detector.onnx_import import start_from_onnx
from training.detector.run import TrainingPlan, run_detector_training
from training.detector.samples import DetectionData
from training.detector.settings import DetectorSettings
from training.detector.trainer import DetectorTrainer, read_checkpoint
from training.errors import DetectionDataError, DetectorTrainingError

SETTINGS = DetectorSettings(
    width=96, height=64, epochs=2, batch=4, warmup=4, threads=1, save_minutes=1e9
)
ROOT = Path(__file__).parents[3]


def draw_set(folder: Path, count: int = 20) -> Path:
    """Red squares on pale grounds."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    (folder / "classes.txt").write_text("item\n")
    for number in range(count):
        picture = Image.new("RGB", (120, 80), (200, 220, int(rng.integers(150, 230))))
        draw = ImageDraw.Draw(picture)
        lines = []
        for half in range(2):
            x, y = int(rng.integers(0, 36)) + 60 * half, int(rng.integers(0, 56))
            draw.rectangle((x, y, x + 23, y + 23), fill=(200, 20, 20))
            lines.append(f"0 {(x + 12) / 120:.6f} {(y + 12) / 80:.6f} {24 / 120:.6f} {24 / 80:.6f}")
        picture.save(folder / f"{number:02}.png")
        (folder / f"{number:02}.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_set(tmp_path_factory.mktemp("red") / "set")


@pytest.fixture(scope="module")
def data(folder: Path) -> DetectionData:
    return read_detection_data([folder])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_what_reaches_every_process_leaves_the_frames_coming(data, number):
    """As from Ctrl-C in a terminal, or from a service manager."""
    plan = [(index,) for index in range(len(data.train))]
    frames = EpochFrames(data, (96, 64), plan, key=(0, 0), skip=0)
    coming = iter(batches(frames, 1, workers=1, pinned=False))
    next(coming)
    (worker,) = multiprocessing.active_children()
    os.kill(worker.pid, number)
    assert len(list(coming)) == len(plan) - 1
    worker.join(60)
    assert worker.exitcode == 0


def metadata(**changes: object) -> ModelMetadata:
    plain = ModelMetadata(
        kind="detector",
        name="clickorder-detector",
        version="0.0.1",
        input_size=SETTINGS.frame,
        colour="RGB",
        scale=1 / 255,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        training_data="red squares",
        code_revision="test",
        licence=LICENCE,
        classes=("item",),
        confidence_threshold=0.3,
    )
    return replace(plain, **changes)


def without_first_kernel(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with zeros for its first weights, in 16 bits or 32."""
    for tensor in model.graph.initializer:
        if tensor.name.startswith("model.0.conv.weight"):
            tensor.raw_data = bytes(len(tensor.raw_data))
    return model


def train(trainer: DetectorTrainer, stop_at: int | None = None) -> None:
    while trainer.progress.epoch < trainer.settings.epochs:
        done = trainer.train_epoch(
            lambda tick: None, lambda: None, lambda: trainer.progress.step == stop_at
        )
        if done is None:
            return


def same(first: DetectorTrainer, second: DetectorTrainer) -> bool:
    ours, theirs = first.average.state_dict(), second.average.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


class TestResume:
    @pytest.mark.parametrize("stop_at", [6, 8], ids=["in an epoch", "at its last step"])
    def test_an_interrupted_run_ends_like_one_that_was_not(
        self, data: DetectionData, tmp_path: Path, stop_at: int
    ) -> None:
        whole, broken, resumed = (DetectorTrainer(data, SETTINGS) for _ in range(3))
        train(whole)
        train(broken, stop_at=stop_at)
        assert (broken.progress.epoch, broken.progress.batch) == (1, stop_at - 4)
        broken.save(tmp_path / "last.pt")
        resumed.restore(tmp_path / "last.pt")
        train(resumed)
        assert resumed.progress.step == whole.progress.step == 8
        assert same(whole, resumed)

    def test_other_pictures_start_the_epoch_anew(self, data: DetectionData, tmp_path: Path) -> None:
        trainer = DetectorTrainer(data, SETTINGS)
        train(trainer, stop_at=2)
        trainer.save(tmp_path / "last.pt")
        fewer = DetectorTrainer(replace(data, train=data.train[:-2]), SETTINGS)
        fewer.restore(tmp_path / "last.pt")
        assert (fewer.progress.step, fewer.progress.batch) == (2, 0)

    def test_another_network_is_refused(self, data: DetectionData, tmp_path: Path) -> None:
        DetectorTrainer(data, SETTINGS).save(tmp_path / "last.pt")
        wider = DetectorTrainer(data, replace(SETTINGS, size="n"))
        with pytest.raises(DetectorTrainingError, match="size slim"):
            wider.restore(tmp_path / "last.pt")

    @pytest.mark.parametrize("content", [None, b"", b"nothing of the kind"])
    def test_what_is_no_checkpoint(self, tmp_path: Path, content: bytes | None) -> None:
        if content is not None:
            (tmp_path / "last.pt").write_bytes(content)
        with pytest.raises(DetectorTrainingError, match=r"last\.pt"):
            read_checkpoint(tmp_path / "last.pt")


def test_a_loss_that_is_not_a_number_stops_with_a_sentence(data: DetectionData) -> None:
    trainer = DetectorTrainer(data, SETTINGS)
    train(trainer, stop_at=2)
    kept = trainer.average.state_dict()["model.0.bn.running_mean"].clone()
    with torch.no_grad():
        next(trainer.network.parameters()).fill_(float("nan"))
    with pytest.raises(DetectorTrainingError, match="not a number at step 3"):
        train(trainer)
    assert torch.equal(trainer.average.state_dict()["model.0.bn.running_mean"], kept)


@pytest.mark.parametrize("changes", [{"width": 100}, {"height": 0}, {"epochs": 0}, {"batch": -1}])
def test_settings_that_cannot_be(changes: dict[str, int]) -> None:
    with pytest.raises(DetectionDataError):
        replace(SETTINGS, **changes)


@pytest.fixture(scope="module")
def trainer(data: DetectionData) -> DetectorTrainer:
    """One that has seen enough to find something."""
    trainer = DetectorTrainer(data, replace(SETTINGS, epochs=40, rate=3e-3))
    train(trainer)
    return trainer


def exported(
    trainer: DetectorTrainer, data: DetectionData, folder: Path
) -> tuple[Path, list[NDArray[np.uint8]]]:
    """The detector's file, and the pictures that training had."""
    file, pictures = folder / "detector.onnx", [sample.load() for sample in data.train]
    export_detector(trainer.average, metadata(), file, pictures[:2])
    return file, pictures


class TestExport:
    def test_the_server_finds_what_the_trainer_finds(
        self, trainer: DetectorTrainer, data: DetectionData, tmp_path: Path
    ) -> None:
        file = tmp_path / "detector.onnx"
        pictures = [sample.load() for sample in data.validation]
        export_detector(trainer.average, metadata(confidence_threshold=0.02), file, pictures)
        served = YoloDetector.load(file)
        assert (served.name, served.classes) == ("clickorder-detector 0.0.1", ("item",))
        found = list(trainer.detect(data.validation))
        assert sum(len(boxes) for boxes in found)
        for picture, boxes in zip(pictures, found, strict=True):
            again = served.detect(picture)
            strong = boxes.scores > 0.05
            np.testing.assert_allclose(again.boxes[: strong.sum()], boxes.boxes[strong], atol=1.0)
        assert file.stat().st_size < 3.5e6
        assert [entry.name for entry in tmp_path.iterdir()] == ["detector.onnx"]

    def test_a_file_that_differs_is_not_kept(
        self,
        trainer: DetectorTrainer,
        data: DetectionData,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def damaged(*arguments: object, **options: object) -> bytes:
            model = onnx.load_from_string(onnx_export.graph_of(*arguments, **options))
            return without_first_kernel(model).SerializeToString()

        monkeypatch.setattr(detector_export, "graph_of", damaged)
        with pytest.raises(DetectorTrainingError, match="differs from the trained network"):
            export_detector(
                trainer.average,
                metadata(),
                tmp_path / "detector.onnx",
                [sample.load() for sample in data.validation],
            )
        assert not list(tmp_path.iterdir())

    def test_where_16_bits_are_too_coarse_32_are_stored(
        self,
        trainer: DetectorTrainer,
        data: DetectionData,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(onnx_export, "halved", without_first_kernel)
        file = tmp_path / "detector.onnx"
        pictures = [sample.load() for sample in data.validation]
        assert export_detector(trainer.average, metadata(), file, pictures) < 0.01
        kinds = {tensor.data_type for tensor in onnx.load(file).graph.initializer}
        assert onnx.TensorProto.FLOAT in kinds
        assert onnx.TensorProto.FLOAT16 not in kinds

    def test_an_exported_file_is_a_start(
        self, trainer: DetectorTrainer, data: DetectionData, tmp_path: Path
    ) -> None:
        file, pictures = exported(trainer, data, tmp_path)
        fresh = DetectorTrainer(data, SETTINGS)
        start_from_onnx(fresh.network, file, pictures, SETTINGS.frame)
        fresh.average.load_state_dict(fresh.network.state_dict())
        first, second = (next(t.detect(data.train)) for t in (trainer, fresh))
        strong = first.scores > 0.1
        assert strong.any()
        np.testing.assert_allclose(second.boxes[: strong.sum()], first.boxes[strong], atol=1.0)
        # And it learns on from there: normalising by the batch changes little.
        loss = fresh.train_epoch(lambda tick: None, lambda: None, lambda: False)
        untrained = DetectorTrainer(data, SETTINGS).train_epoch(
            lambda tick: None, lambda: None, lambda: False
        )
        assert loss["loss_box"] < 0.8 * untrained["loss_box"]

    def test_a_file_of_another_size_is_refused(
        self, trainer: DetectorTrainer, data: DetectionData, tmp_path: Path
    ) -> None:
        file = tmp_path / "detector.onnx"
        export_detector(trainer.average, metadata(), file, [data.train[0].load()])
        wider = DetectorTrainer(data, replace(SETTINGS, size="n"))
        with pytest.raises(DetectorTrainingError, match="not a detector of this size"):
            start_from_onnx(wider.network, file, [data.train[0].load()], SETTINGS.frame)

    def test_many_classes_start_from_a_file_with_one(
        self, trainer: DetectorTrainer, data: DetectionData, tmp_path: Path
    ) -> None:
        # From 49 classes on the layers before the last are wider too.
        file, pictures = exported(trainer, data, tmp_path)
        many = build_network(60, SETTINGS.size)
        start_from_onnx(many, file, pictures, SETTINGS.frame)
        pixels, _ = letterbox(pictures[0], SETTINGS.frame)
        frame = torch.from_numpy(pixels[None]).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            boxes = [network.eval()(frame)[0][0, :4] for network in (many, trainer.average)]
        assert (boxes[0] - boxes[1]).abs().max() < 1

    def test_the_file_says_how_good_it_is(self) -> None:
        scores = DetectionScores(0.9, 0.8, 0.95, 0.1, float("nan"))
        described = describe(metadata(), Thresholds(0.1, 0.4), scores)
        assert described.confidence_threshold == 0.1
        assert described.calibration["strip_threshold"] == 0.4
        assert described.calibration["validation_ap50"] == 0.9
        assert "validation_strips_right" not in described.calibration


_BLOCKED = """
import socket, sys
attempts = []
def refuse(*arguments, **options):
    attempts.append(arguments[:2])
    raise OSError("no network in this test")
socket.getaddrinfo = socket.create_connection = refuse
socket.socket.connect = socket.socket.connect_ex = refuse
from training.detector.cli import app
try:
    app(standalone_mode=False)
finally:
    print("ATTEMPTS", attempts)
"""


def test_ultralytics_leaves_other_packages_alone() -> None:
    assert Image.open.__module__ == "PIL.Image"
    assert torch.save.__module__ == "torch.serialization"


def start_cli(folder: Path, out: Path, *options: str) -> "subprocess.Popen[str]":
    home = out.parent / "home"
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-c", _BLOCKED, str(folder), "--out", str(out), "--input", "96x64"]
    environment = os.environ | {"HOME": str(home), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.Popen(
        [*command, "--batch", "4", "--threads", "1", *options],
        env=environment,
        cwd=out.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class TestCommand:
    def test_a_whole_run_asks_nobody_for_anything(self, folder: Path, tmp_path: Path) -> None:
        out = tmp_path / "run"
        process = start_cli(folder, out, "--epochs", "2", "--version", "3.2.1")
        output, _ = process.communicate(timeout=600)
        assert process.returncode == 0, output
        assert "ATTEMPTS []" in output
        assert {"config.json", "metrics.jsonl", "curves.png", "best.pt", "last.pt"} <= {
            entry.name for entry in out.iterdir()
        }
        assert len((out / "metrics.jsonl").read_text().splitlines()) == 2
        assert YoloDetector.load(out / "detector.onnx").name == "clickorder-detector 3.2.1"
        # Nothing fetched into the home folder either (no font, no weights), and no usage report
        # of ONNX Runtime waiting there.
        left = [f for f in (tmp_path / "home").rglob("*") if f.suffix in (".ttf", ".pt", ".db")]
        assert not left

    def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(self, folder: Path, tmp_path: Path) -> None:
        out = tmp_path / "run"
        process = start_cli(folder, out, "--epochs", "2000")
        metrics = out / "metrics.jsonl"
        deadline = time.monotonic() + 600
        while not metrics.is_file() or len(metrics.read_text().splitlines()) < 2:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=600)
        assert process.returncode == 0, output
        assert "--resume" in output
        assert (out / "detector.onnx").is_file()
        done = read_checkpoint(out / "last.pt")["progress"]["epoch"]
        epochs = [json.loads(line)["epoch"] for line in metrics.read_text().splitlines()]
        assert epochs == list(range(1, done + 1))

    def test_a_run_that_gets_no_better_stops_early(self, folder: Path, tmp_path: Path) -> None:
        settings = replace(SETTINGS, epochs=50, patience=1, rate=1e-6)
        result = run_detector_training([folder], TrainingPlan(tmp_path / "run", settings))
        assert not result.stopped
        assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2

    def test_a_folder_with_a_run_is_not_overwritten(self, folder: Path, tmp_path: Path) -> None:
        from training.errors import TrainingError

        (tmp_path / "last.pt").touch()
        with pytest.raises(TrainingError, match="--resume"):
            run_detector_training([folder], TrainingPlan(tmp_path, SETTINGS))
