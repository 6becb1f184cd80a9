"""`clickorder adapt` from labels to bundle and report."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from typer.testing import CliRunner

from clickorder.cli import app
from labels.puzzles import Puzzle, write_puzzles
from modelfile import ModelMetadata, OnnxSession
from training.core.initial_weights import shipped_file

ROOT = Path(__file__).parents[3]
NAMES = ("blob", "frame")


def draw(folder: Path, count: int, *, faint: bool = False) -> Path:
    """Two shapes with names on each picture, as labelImg labels them."""
    rng = np.random.default_rng(5)
    folder.mkdir()
    (folder / "classes.txt").write_text("\n".join(NAMES) + "\n")
    for number in range(count):
        ground = tuple(int(v) for v in rng.integers(140, 250, 3))
        picture = Image.new("RGB", (150, 90), ground)
        pen = ImageDraw.Draw(picture)
        lines = []
        for place, name in enumerate(rng.permutation(NAMES)):
            x, y = 75 * place + int(rng.integers(3, 30)), int(rng.integers(3, 48))
            ink = tuple(int(v) for v in rng.integers(0, 110, 3))
            if faint:
                ink = tuple(v - 3 for v in ground)
            if name == "blob":
                pen.ellipse((x, y, x + 36, y + 36), fill=ink)
            else:
                pen.rectangle((x, y, x + 36, y + 36), outline=ink, width=5)
            centre = f"{(x + 18) / 150:.5f} {(y + 18) / 90:.5f} {37 / 150:.5f} {37 / 90:.5f}"
            lines.append(f"{NAMES.index(name)} {centre}")
        picture.save(folder / f"{number:02}.png")
        (folder / f"{number:02}.txt").write_text("\n".join(lines) + "\n")
    return folder


def draw_puzzles(folder: Path, count: int) -> Path:
    """Prompt pictures of three letters, followed by two more that are no items on this site."""
    rng = np.random.default_rng(6)
    folder.mkdir()
    font = ImageFont.load_default(30)
    puzzles = []
    for number in range(count):
        words = tuple(str(letter) for letter in rng.choice(list("AEHKMRTW"), 3, replace=False))
        shown = [str(word) for word in rng.permutation(words)]
        at = {word: 20 + 75 * place for place, word in enumerate(shown)}
        scene = Image.new("RGB", (240, 120), (200, 220, 210))
        pen = ImageDraw.Draw(scene)
        for word, left in at.items():
            pen.text((left, 40), word, fill="navy", font=font)
        targets = [(at[word] - 2, 40, at[word] + 28, 76) for word in words]
        strip = Image.new("RGB", (230, 40))
        pen = ImageDraw.Draw(strip)
        boxes = []
        for place, word in enumerate((*words, "O", "K")):
            left = 8 + 44 * place
            pen.text((left, 2), word, fill="white" if place < 3 else "gold", font=font)
            boxes.append([int(v) for v in pen.textbbox((left, 2), word, font=font)])
        scene.save(folder / f"{number}.png")
        strip.save(folder / f"{number}-prompt.png")
        puzzles.append(
            Puzzle(
                id=str(number),
                background=f"{number}.png",
                prompt={"image": f"{number}-prompt.png"},
                words=words,
                targets=tuple(targets),
                meta={"prompt_boxes": boxes[:3]},
            )
        )
    write_puzzles(folder, puzzles)
    return folder


def metadata_of(file: Path) -> ModelMetadata:
    session = OnnxSession(file)
    return ModelMetadata.from_properties(session.properties, source=session.source)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["adapt", *arguments])
    return result.exit_code, result.output


def test_help_teaches() -> None:
    code, told = run("--help")
    assert code == 0
    assert "clickorder adapt my-pictures" in told
    assert "CLICKORDER_MODELS_DIR" in told


def test_without_torch_it_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from clickorder.cli import app\n"
        f"app(['adapt', {str(tmp_path)!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert ".[train]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    place = tmp_path_factory.mktemp("adapt")
    folder, out = draw(place / "own", 36), place / "adapted"
    (folder / "07.txt").unlink()
    code, told = run(str(folder), "--out", str(out), "--minutes", "0.1", "--no-mix")
    assert code == 0, told
    return folder, out, told


class TestWithTorch:
    def test_it_leaves_a_bundle_that_solves(self, adapted: tuple[Path, Path, str]) -> None:
        _, out, told = adapted
        bundle = out / "bundle"
        assert {path.name for path in bundle.iterdir()} == {
            "detector.onnx",
            "prompt_detector.onnx",
            "siamese.onnx",
            "classifier.onnx",
            "calibration.json",
        }
        (solved,) = re.findall(r"solved: (\d+) of (\d+) .*?, (\d+) before", told)
        after, count, before = map(int, solved)
        assert count >= 4
        assert after >= before
        assert after >= count - 1  # the shipped models do not know what a blob is

    def test_the_report_tells_the_same(self, adapted: tuple[Path, Path, str]) -> None:
        _, out, told = adapted
        page = (out / "report.html").read_text(encoding="utf-8")
        (right, count) = re.findall(r"solved: (\d+) of (\d+)", told)[0]
        assert f"{right} of {count}" in page
        assert "<svg" in page
        assert "07.png" in page  # what has no labels yet

    def test_names_of_the_vocabulary_get_a_gallery_where_it_helps(self, tmp_path: Path) -> None:
        folder, out = draw(tmp_path / "own", 24), tmp_path / "adapted"
        (folder / "classes.txt").write_text("rocket\nwine glass\n")
        code, told = run(str(folder), "--out", str(out), "--minutes", "0.1", "--no-mix")
        assert code == 0, told
        told = " ".join(told.split())
        (taken,) = re.findall(
            r"Gallery: 2 names with pictures of their own; solved \d+ of \d+ validation pictures, "
            r"\d+ without: (taken|not taken)\.",
            told,
        )
        pictures = sorted((out / "bundle/gallery").glob("*/*.png"))
        assert len(pictures) == (6 if taken == "taken" else 0)
        assert not (out / "with-gallery").exists()
        assert "2 names with pictures of their own" in (out / "report.html").read_text("utf-8")

    def test_it_is_not_done_twice(self, adapted: tuple[Path, Path, str]) -> None:
        folder, out, told = adapted
        before = (out / "matcher" / "siamese.onnx").stat().st_mtime_ns
        code, again = run(str(folder), "--out", str(out), "--minutes", "0.1", "--no-mix")
        assert code == 0, again
        assert re.findall("solved: .*", again) == re.findall("solved: .*", told)
        assert (out / "matcher" / "siamese.onnx").stat().st_mtime_ns == before

    def test_other_options_need_another_folder(self, adapted: tuple[Path, Path, str]) -> None:
        folder, out, _ = adapted
        code, told = run(str(folder), "--out", str(out), "--minutes", "0.6", "--no-mix")
        assert code == 1
        assert "--out" in told

    def test_after_a_kill_the_same_command_goes_on(self, tmp_path: Path) -> None:
        folder, out = draw(tmp_path / "own", 24), tmp_path / "adapted"
        options = ["--out", str(out), "--minutes", "0.1", "--no-mix"]
        command = [sys.executable, "-m", "clickorder", "adapt", str(folder), *options]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        ends = time.monotonic() + 600
        while not (out / "matcher" / "config.json").exists():
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < ends
            time.sleep(0.05)
        process.kill()
        process.wait()
        labels = {path: path.read_bytes() for path in folder.glob("*.txt")}
        code, told = run(str(folder), *options)
        assert code == 0, told
        assert (out / "bundle" / "siamese.onnx").is_file()
        assert (out / "report.html").is_file()
        assert {path: path.read_bytes() for path in folder.glob("*.txt")} == labels

    def test_what_the_detector_misses_is_trained(self, tmp_path: Path) -> None:
        folder, out = draw(tmp_path / "own", 24, faint=True), tmp_path / "adapted"
        code, told = run(str(folder), "--out", str(out), "--minutes", "0.1", "--no-mix")
        assert code == 0, told
        assert (out / "detector" / "detector.onnx").is_file()
        assert (out / "bundle" / "detector.onnx").is_file()
        state = json.loads((out / "adapt.json").read_text())
        assert set(state["trainings"]) == {"detector", "matcher"}

    def test_prompts_that_are_counted_wrongly_are_learned(self, tmp_path: Path) -> None:
        folder, out = draw_puzzles(tmp_path / "own", 24), tmp_path / "adapted"
        code, told = run(str(folder), "--out", str(out), "--minutes", "0.3", "--no-mix")
        assert code == 0, told
        assert "prompts are counted wrongly" in " ".join(told.split())
        made = metadata_of(out / "prompt_detector" / "prompt_detector.onnx")
        shipped = metadata_of(shipped_file("prompt_detector"))
        assert made.name == "adapted-prompt-detector"
        assert made.input_size == shipped.input_size
        for told in ("item_slope", "item_bias", "strip_threshold"):
            assert made.calibration[told] == shipped.calibration[told]
        assert made.calibration["validation_ap50"] > 0.5
        assert "prompt_detector" in json.loads((out / "adapt.json").read_text())["trainings"]
        assert "Prompt detector" in (out / "report.html").read_text(encoding="utf-8")

    def test_boxes_without_names_train_the_detector_only(self, tmp_path: Path) -> None:
        folder, out = draw(tmp_path / "own", 24), tmp_path / "adapted"
        (folder / "classes.txt").write_text("char\n")
        for file in folder.glob("??.txt"):
            file.write_text(re.sub(r"(?m)^1 ", "0 ", file.read_text()))
        code, told = run(str(folder), "--out", str(out), "--minutes", "0.1", "--no-mix")
        assert code == 0, told
        assert re.search(r"every item found: \d+ of \d+", told)
        assert (out / "bundle" / "classifier.onnx").is_file()
        assert (out / "detector" / "detector.onnx").is_file()
        assert not (out / "matcher").exists()

    def test_too_few_pictures_are_told(self, tmp_path: Path) -> None:
        folder = draw(tmp_path / "own", 5)
        code, told = run(str(folder), "--out", str(tmp_path / "out"))
        assert code == 1
        assert "label at least a dozen" in " ".join(told.split())
        assert not (tmp_path / "out").exists()

    def test_class_folders_train_the_matcher_only(self, tmp_path: Path) -> None:
        own = draw(tmp_path / "own", 24)
        folder = tmp_path / "classes"
        for name in NAMES:
            (folder / name).mkdir(parents=True)
        for number in range(24):
            picture = Image.open(own / f"{number:02}.png")
            for at, line in enumerate((own / f"{number:02}.txt").read_text().splitlines()):
                index, x, y, w, h = (float(part) for part in line.split())
                box = ((x - w / 2) * 150, (y - h / 2) * 90, (x + w / 2) * 150, (y + h / 2) * 90)
                crop = picture.crop(tuple(round(v) for v in box))
                crop.save(folder / NAMES[int(index)] / f"{number}-{at}.png")
        out = tmp_path / "out"
        code, told = run(str(folder), "--out", str(out), "--minutes", "0.1", "--no-mix")
        assert code == 0, told
        (named,) = re.findall(r"named right, told all words: (\d+) of (\d+)", told)
        assert int(named[0]) >= int(named[1]) - 1
        assert not (out / "detector").exists()
