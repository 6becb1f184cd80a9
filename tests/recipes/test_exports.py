"""Detectors that were trained and exported elsewhere, served as they are."""

import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from training.core.initial_weights import shipped_file

pytest.importorskip("torch")

# As a user of Ultralytics writes it; what may ask the network is switched off.
_ULTRALYTICS = """
import os, sys
os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false")
import torch
from ultralytics import YOLO
torch.set_num_threads(1)
data, out = sys.argv[1:]
model = YOLO("yolo11n.yaml")
model.train(data=data, epochs=2, imgsz=320, batch=4, workers=0, device="cpu", project=out,
            name="train", exist_ok=True, plots=False, val=False, amp=False, verbose=False,
            deterministic=False, pretrained=False)
model = YOLO(out + "/train/weights/last.pt")
print("EXPORTED", model.export(format="onnx", imgsz=320, simplify=False))
"""


def data_set(folder, scenes, labelled):
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for scene in scenes:
        (folder / "images" / scene.picture.name).write_bytes(scene.picture.read_bytes())
        label = folder / "labels" / f"{scene.picture.stem}.txt"
        label.write_text(labelled(scene, [0, 0, 0, 0]))
    file = folder / "data.yaml"
    file.write_text(f"path: {folder}\ntrain: images\nval: images\nnames: [item]\n")
    return file


def as_exported(metadata, nodes=(), constants=()):
    """The shipped network as another exporter writes it: its output changed, its metadata too."""
    model = onnx.load(shipped_file("detector"))
    del model.metadata_props[:]
    helper.set_model_props(model, metadata)
    if nodes:
        (output,) = model.graph.output
        name = output.name
        for node in model.graph.node:
            node.output[:] = ["raw" if out == name else out for out in node.output]
        model.graph.node.extend(nodes("raw", name))
        model.graph.initializer.extend(
            numpy_helper.from_array(value, key) for key, value in dict(constants).items()
        )
        del output.type.tensor_type.shape.dim[:]
    return model


ULTRALYTICS = {"task": "detect", "stride": "32", "imgsz": "[256, 384]", "names": "{0: 'item'}"}


def test_own_training_with_ultralytics(scenes, unseen, labelled, served, tmp_path):
    """Two epochs teach little; that the file is served and answers is what is asked here."""
    data = data_set(tmp_path / "data", scenes, labelled)
    done = subprocess.run(
        [sys.executable, "-c", _ULTRALYTICS, str(data), str(tmp_path / "runs")],
        capture_output=True, text=True, timeout=600, check=False, cwd=tmp_path,
        env=os.environ | {"YOLO_CONFIG_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    exported = done.stdout.rpartition("EXPORTED ")[2].strip()
    models = tmp_path / "models"
    models.mkdir()
    (models / "detector.onnx").write_bytes((tmp_path / exported).read_bytes())
    with served(models) as service:
        assert f"detector {models / 'detector.onnx'}" in service.models
        found = service.boxes(unseen.picture, confidence=0.01, iou=0.45)
        assert all(0.01 <= box["confidence"] <= 1 for box in found)


def test_a_plain_ultralytics_export(unseen, served, tmp_path):
    onnx.save(as_exported(ULTRALYTICS), tmp_path / "detector.onnx")
    with served(tmp_path) as service:
        assert service.solves_letters(unseen)


def test_the_layout_of_yolov5(unseen, served, tmp_path):
    """Three candidates a cell, each with its objectness; two classes, whose names come back."""

    def nodes(raw, output):
        return [
            # (1, 5, N) to (1, N, 5), then cx, cy, w, h, objectness and two classes.
            helper.make_node("Transpose", [raw], ["rows"], perm=[0, 2, 1]),
            helper.make_node("Split", ["rows", "sides"], ["box", "score"], axis=2),
            helper.make_node("Mul", ["score", "zero"], ["none"]),
            helper.make_node("Add", ["none", "one"], ["sure"]),
            helper.make_node("Concat", ["box", "sure", "none", "score"], ["cells"], axis=2),
            helper.make_node("Concat", ["cells"] * 3, [output], axis=1),
        ]

    constants = {
        "sides": np.array([4, 1]),
        "zero": np.zeros((), np.float32),
        "one": np.ones((), np.float32),
    }
    metadata = {"stride": "32", "names": "['ground', 'letter']"}
    model = as_exported(metadata, nodes, constants)
    onnx.save(model, tmp_path / "detector.onnx")
    with served(tmp_path) as service:
        assert service.solves_letters(unseen)
        found = service.boxes(unseen.picture)
        assert {box["class_name"] for box in found} == {"letter"}
