import base64
import http.server
import importlib
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from typer.testing import CliRunner

from clickorder.cli import app
from labels.puzzles import Puzzle, PuzzleWriter
from service.serve import example_curl

ROOT = Path(__file__).resolve().parents[3]

COMMANDS = ("serve", "solve", "evaluate", "generate", "ingredients", "quantise")


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def sentence(result) -> str:
    """The one sentence of a refusal; a traceback or a second line would fail here."""
    (line,) = result.stderr.splitlines()
    assert line.startswith("clickorder: ")
    return line


@pytest.fixture(scope="module")
def puzzles(tmp_path_factory) -> Path:
    """Three puzzles that the embedded models read: dark letters on a light ground."""
    folder = tmp_path_factory.mktemp("puzzles")
    font = ImageFont.load_default(40)
    with PuzzleWriter(folder) as writer:
        for number, letters in enumerate(("HAK", "REN", "TFW")):
            picture = Image.new("RGB", (300, 160), (225, 228, 220))
            draw = ImageDraw.Draw(picture)
            boxes = []
            for place, letter in enumerate(letters):
                corner = (30 + 90 * place, 20 + 35 * ((place + number) % 3))
                draw.text(corner, letter, fill=(40, 30, 90), font=font)
                boxes.append(tuple(map(int, draw.textbbox(corner, letter, font=font))))
            picture.save(folder / f"{number}.png")
            words, targets = tuple(letters[::-1]), tuple(boxes[::-1])
            prompt = {"words": words}
            writer.write(
                Puzzle(f"p{number}", f"{number}.png", prompt, words, targets, family="letters")
            )
    return folder


@pytest.fixture
def service(puzzles):
    """The contract over real HTTP: right on every puzzle but p1, where it is busy for good."""
    truth = {}
    for line in (puzzles / "puzzles.jsonl").read_text(encoding="utf-8").splitlines():
        puzzle = json.loads(line)
        truth[(puzzles / puzzle["background"]).read_bytes()] = puzzle

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            sent = self.rfile.read(int(self.headers["content-length"]))
            puzzle = truth[base64.b64decode(json.loads(sent)["background"])]
            answer = {
                "solved": True,
                "reason": None,
                "confidence": 0.9,
                "clicks": [
                    {
                        "x": (box[0] + box[2]) // 2,
                        "y": (box[1] + box[3]) // 2,
                        "box": box,
                        "label": None,
                        "confidence": 0.9,
                    }
                    for box in puzzle["targets"]
                ],
                "boxes": [{"box": box, "confidence": 0.9} for box in puzzle["targets"]],
                "image": {"width": 300, "height": 160},
                "models": {},
                "timings_ms": {},
                "request_id": "r",
            }
            problem = {"code": "model_unavailable", "detail": "No model."}
            busy = puzzle["id"] == "p1"
            body = json.dumps(problem if busy else answer).encode()
            self.send_response(503 if busy else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_help_names_every_command():
    result = run("--help")
    assert result.exit_code == 0
    assert all(command in result.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command(command):
    assert run(command, "--help").exit_code == 0


@pytest.mark.parametrize("arguments", [["--help"], ["evaluate", "--help"], ["--version"]], ids=str)
def test_help_loads_nothing_heavy(arguments):
    code = (
        "import sys\n"
        "from clickorder.cli import app\n"
        f"sys.argv = ['clickorder', *{arguments!r}]\n"
        "try:\n    app()\n"
        "except SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "heavy = {'torch', 'onnxruntime', 'fastapi', 'numpy', 'scipy', 'PIL'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert shown.stdout.splitlines()[-1] == "loaded: []"


def test_runs_as_a_module():
    command = [sys.executable, "-m", "clickorder", "--version"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("clickorder")


def test_solve_tells_the_clicks(puzzles):
    result = run("solve", puzzles / "0.png", "--words", "K", "--words", "H", "--backend", "ddddocr")
    assert result.exit_code == 0
    verdict, first, second = result.stdout.splitlines()
    assert re.fullmatch(r"Solved: confidence 0\.\d{3}, \d+\.\d ms\.", verdict)
    assert re.match(r"  1\.  K  x=\d+ y=\d+  box \d+,\d+,\d+,\d+  confidence \d\.\d{3}$", first)
    assert second.startswith("  2.  H  ")


def test_solve_gives_the_body_of_the_contract(puzzles, tmp_path):
    drawn = tmp_path / "drawn.png"
    result = run("solve", puzzles / "0.png", "--words", "K，A,H", "--json", "--draw", drawn)
    assert result.exit_code == 0
    body = json.loads(result.stdout)
    assert set(body) == {
        *("solved", "reason", "confidence", "clicks", "boxes", "image", "models", "timings_ms"),
    }
    assert body["image"] == {"width": 300, "height": 160}
    assert set(body["timings_ms"]) == {"decode", "detect", "recognise", "match", "total"}
    assert [click["label"] for click in body["clicks"]] == ["K", "A", "H"]
    assert body["clicks"][0]["x"] > body["clicks"][1]["x"] > body["clicks"][2]["x"]
    assert set(body["clicks"][0]) == {"x", "y", "box", "label", "confidence"}
    with Image.open(drawn) as picture:
        assert picture.size == (600, 320)


def test_solve_a_puzzle_of_a_set(puzzles):
    result = run("solve", "--puzzle", f"{puzzles}:p0")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "Right."


REFUSED = {
    # arguments, exit code, part of the sentence; {} is the folder of the puzzles
    "no picture": (["solve", "--words", "A"], 2, "There is no picture"),
    "no prompt": (["solve", "{}/0.png"], 2, "The prompt is missing"),
    "two prompts": (
        ["solve", "{}/0.png", "--words", "A", "--image", "{}/1.png"],
        2,
        "The prompt is words and image; give exactly one",
    ),
    "region of three": (["solve", "{}/0.png", "--region", "1,2,3"], 2, "not four whole numbers"),
    "region of letters": (["solve", "{}/0.png", "--region", "a,b,c,d"], 2, "not four whole"),
    "puzzle and picture": (["solve", "{}/0.png", "--puzzle", "{}:p0"], 2, "nothing beside it"),
    "puzzle without colon": (["solve", "--puzzle", "p0"], 2, "give SET:ID"),
    "no such puzzle": (["solve", "--puzzle", "{}:p9"], 2, "has no puzzle 'p9'"),
    "no such set": (["evaluate", "{}/nowhere"], 2, "is not a puzzle set"),
    "backend of a service": (
        ["evaluate", "{}", "--url", "http://127.0.0.1:1", "--backend", "own"],
        2,
        "a service at --url has its own",
    ),
    "device of a service": (
        ["evaluate", "{}", "--url", "http://127.0.0.1:1", "--device", "cpu"],
        2,
        "a service at --url has its own",
    ),
    "no service": (["evaluate", "{}", "--url", "http://127.0.0.1:1"], 1, "No service answers"),
    "no such picture": (["solve", "{}/9.png", "--words", "A"], 1, "9.png cannot be read"),
    "not a picture": (["solve", "{}/puzzles.jsonl", "--words", "A"], 1, "is not a picture"),
    "only commas": (["solve", "{}/0.png", "--words", ","], 1, "The prompt is empty"),
    "region outside": (["solve", "{}/0.png", "--region", "0,0,999,9"], 1, "not inside"),
    "unknown word": (["solve", "{}/0.png", "--words", "☃"], 1, "does not know"),
    "draw nowhere": (
        ["solve", "{}/0.png", "--words", "A", "--draw", "{}/no/a.png"],
        1,
        "cannot be written",
    ),
    "draw in no format": (
        ["solve", "{}/0.png", "--words", "A", "--draw", "{}/a.doc"],
        1,
        "cannot be written",
    ),
    "unknown family": (["generate", "--family", "cats", "--out", "{}/new"], 1, "no family 'cats'"),
}


@pytest.mark.parametrize(("arguments", "code", "part"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals_are_one_sentence(puzzles, arguments, code, part):
    result = run(*(argument.replace("{}", str(puzzles)) for argument in arguments))
    assert part in sentence(result)
    assert result.exit_code == code
    assert result.stdout == ""


def test_a_setting_that_is_not_valid_is_named(puzzles, monkeypatch):
    monkeypatch.setenv("CLICKORDER_PORT", "many")
    result = run("solve", puzzles / "0.png", "--words", "A")
    assert "CLICKORDER_PORT is not valid" in sentence(result)
    assert result.exit_code == 2


def test_models_that_are_missing_are_named(puzzles, tmp_path, monkeypatch):
    (tmp_path / "mine.onnx").touch()
    monkeypatch.setenv("CLICKORDER_MODELS_DIR", str(tmp_path))
    result = run("solve", puzzles / "0.png", "--words", "A", "--backend", "own")
    assert "has mine.onnx, but none of detector.onnx" in sentence(result)
    assert result.exit_code == 1


OUR_ERRORS = {
    "classifier.errors.ClassifierError": 1,
    "clickorder.client.errors.ClientError": 1,
    "clickorder.errors.CommandError": 1,
    "clickorder.errors.UsageError": 2,
    "detector.errors.DetectorError": 1,
    "labels.errors.LabelsError": 1,
    "labels.errors.PuzzleSetError": 2,
    "modelfile.errors.ModelFileError": 1,
    "service.capture.sample_store.SampleStoreError": 1,
    "service.errors.ServiceError": 1,
    "service.models.backends.BackendError": 1,
    "service.models.bundle.BundleError": 1,
    "service.settings_file.ConfigurationError": 1,
    "service.solving.calibration.CalibrationError": 1,
    "service.solving.gallery.GalleryError": 1,
    "siamese.errors.SiameseError": 1,
    "training.errors.TrainingError": 1,
    "training.synthetic.errors.SyntheticError": 1,
}


@pytest.mark.parametrize(("name", "status"), OUR_ERRORS.items(), ids=OUR_ERRORS)
def test_an_error_of_ours_ends_a_command_with_its_sentence(name, status, puzzles, monkeypatch):
    module, _, kind = name.rpartition(".")
    error = getattr(importlib.import_module(module), kind)("It is broken; mend it.")

    def fail(*_, **__):
        raise error

    monkeypatch.setattr("clickorder.local.load_solver", fail)
    result = run("solve", puzzles / "0.png", "--words", "A")
    assert sentence(result) == "clickorder: It is broken; mend it."
    assert result.exit_code == status


def test_a_fault_of_ours_is_not_hidden(puzzles, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("clickorder.local.load_solver", broken)
    result = run("solve", puzzles / "0.png", "--words", "A")
    assert isinstance(result.exception, ZeroDivisionError)


def test_evaluate_in_process(puzzles, tmp_path):
    result = run(
        *("evaluate", puzzles, "--json", tmp_path / "r.json", "--failures", tmp_path / "failed"),
        *("--limit", 2, "--backend", "ddddocr", "--cache", tmp_path / "no-cache"),
    )
    assert result.exit_code == 0, result.stderr
    assert "letters" in result.stdout
    numbers = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    (row,) = numbers["groups"]
    assert row["n"] == 2
    assert row["solved"] >= 1
    assert numbers["solver"] == "in process"
    assert numbers["models"]["detector"].startswith("ddddocr-detector")
    drawn = list((tmp_path / "failed").glob("*.png"))
    assert len(drawn) == row["n"] - row["solved"]
    assert (tmp_path / "failed" / "index.html").is_file()


def test_evaluate_a_service(puzzles, service, tmp_path):
    result = run(
        *("evaluate", puzzles, "--url", service, "--json", "-"),
        *("--failures", tmp_path / "failed", "--cache", tmp_path / "no-cache"),
    )
    assert result.exit_code == 0, result.stderr
    numbers = json.loads(result.stdout)
    (row,) = numbers["groups"]
    assert (row["n"], row["solved"], row["failures"]["error"]) == (3, 2, 1)
    assert row["service_ms"] is None
    assert numbers["solver"] == service
    assert "1 x model_unavailable: No model." in result.stderr
    assert [path.name for path in (tmp_path / "failed").glob("*.png")] == ["letters-p1-error.png"]


def test_evaluate_cannot_write_its_numbers(puzzles, service, tmp_path):
    result = run("evaluate", puzzles, "--url", service, "--json", tmp_path / "no" / "r.json")
    assert "r.json cannot be written" in result.stderr
    assert result.exit_code == 1


def test_serve_and_evaluate_what_it_serves(puzzles):
    """The whole way, with the options of `serve` above the environment."""
    command = [sys.executable, "-m", "clickorder", "serve", "--port", "0"]
    serving = subprocess.Popen(
        [*command, "--backend", "ddddocr", "--log-level", "warning"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "CLICKORDER_PORT": "1", "CLICKORDER_BACKEND": "own"},
    )
    try:
        url = re.search(r"http://127\.0\.0\.1:\d+", serving.stdout.readline())
        *example, models = [serving.stdout.readline().rstrip("\n") for _ in range(5)]
        result = run("evaluate", puzzles, "--url", url[0], "--json", "-")
    finally:
        serving.terminate()
        rest, _ = serving.communicate(timeout=600)
    assert result.exit_code == 0, result.stderr
    numbers = json.loads(result.stdout)
    (row,) = numbers["groups"]
    assert row["failures"]["error"] == 0
    assert row["solved"] >= 2
    assert row["service_ms"] is not None
    assert numbers["models"]["classifier"].startswith("ddddocr-classifier")
    assert example == [f"Try it from {ROOT}:", "", example_curl(url[0]), ""]
    assert models == "Models: detector, classifier ddddocr; text shipped."
    assert rest == ""
