"""The OpenAPI document against a real server: whatever fits it, or does not, is answered by it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from classifier.text_reader import TextReader
from service.app import create_app
from service.security.keys import hash_of, new_key
from service.settings import KeyDefaults, KeyEntry, Settings
from service.solving.parts import Parts
from service.solving.solver import Solver
from siamese.names import PrototypeNamer

NAMES = Path(__file__).resolve().parents[3] / "siamese/weights"
EXAMPLES = os.environ.get("CLICKORDER_FUZZ_EXAMPLES", "25")
# No schema can say that text is the base64 of a picture, or that a bundle of that name is served:
# so most of what fits the schema is still refused.
CONFIG = """
[checks]
positive_data_acceptance.enabled = false

# An item of a batch that does not fit is an error of its own, and the rest go on.
[[operations]]
include-path = "/solve/batch"
checks.negative_data_rejection.enabled = false

[[operations]]
include-path = "/read/batch"
checks.negative_data_rejection.enabled = false
"""


def ask(document, tmp_path, *options):
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG, "utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    always = ["--phases", "examples,coverage,fuzzing", "--no-color", "--max-examples", EXAMPLES]
    always += ["--seed", "1", "--request-timeout", "300"]
    return subprocess.run(
        [*command, document, *always, *options],
        cwd=tmp_path,  # where it keeps what it found
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=800,
        check=False,
    )


@pytest.mark.parametrize("with_keys", [False, True], ids=["open", "with-keys"])
def test_answers_are_as_documented(serve, gated, stripes, tmp_path, with_keys):
    key = new_key()
    entry = KeyEntry(name="fuzz", hash=hash_of(key), admin=True)
    fast = KeyDefaults(rate_per_minute=1_000_000)
    settings = Settings(keys=(entry,), key_defaults=fast) if with_keys else Settings()
    options = ["--header", f"Authorization: Bearer {key}"] if with_keys else []
    like = gated.parts
    text = TextReader.load(stripes.model(tmp_path / "text.onnx"))
    namer = PrototypeNamer.load(NAMES / "names.onnx", NAMES / "names.npz")
    solver = Solver(Parts(like.detector, like.classifier, like.matcher, text=text, namer=namer))
    with serve(settings, lambda _: solver) as url:
        done = ask(f"{url}/openapi.json", tmp_path, *options)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def test_an_answer_that_is_not_documented_is_seen(serve, tmp_path):
    document = create_app(Settings(), lambda _: None).openapi()
    answers = document["paths"]["/healthz"]["get"]["responses"]
    answers["204"] = answers.pop("200")
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document), "utf-8")
    with serve() as url:
        done = ask(str(file), tmp_path, "--url", url, "--include-path", "/healthz")
    assert done.returncode == 1
    assert "[200] OK" in done.stdout
