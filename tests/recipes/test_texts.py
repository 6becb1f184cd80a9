"""From pictures of text to a served reader."""

import base64
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")


def bars(text: str, seed: int) -> Image.Image:
    """A 'text' of wide and narrow bars, which a network learns in seconds."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(215, 256, (32, 64, 3), np.uint8)
    for at, character in enumerate(text):
        left = 5 + 30 * at + int(rng.integers(0, 4))
        pixels[4:28, left : left + (18 if character == "1" else 4)] = rng.integers(0, 60, 3)
    return Image.fromarray(pixels)


def test_the_folder_of_dddd_trainer_for_ctc(command, served, tmp_path: Path):
    """labels.txt beside images/, whole texts; the picture that is read is a new one."""
    data, lines = tmp_path / "project", []
    (data / "images").mkdir(parents=True)
    for number in range(160):
        text = f"{number % 4:02b}"
        bars(text, number).save(data / "images" / f"{number}.png")
        lines.append(f"{number}.png\t{text}\n")
    (data / "labels.txt").write_text("".join(lines))
    run = tmp_path / "run"
    command("train-text", data, "--size", "64x32", "--steps", 100, "--decay-steps", 40, "--warmup",
            10, "--batch", 16, "--check-every", 50, "--augment", 0, "--threads", 1, "--held-out",
            0.1, "--out", run)  # fmt: skip
    with served(run) as service:
        assert f"text {run / 'text.onnx'}" in service.models
        for number, text in enumerate(("01", "10", "11", "00")):
            bars(text, 1000 + number).save(tmp_path / "new.png")
            image = base64.b64encode((tmp_path / "new.png").read_bytes()).decode()
            assert service.post("/read", {"image": image})["text"] == text
