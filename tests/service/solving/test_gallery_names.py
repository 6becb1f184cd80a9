"""Names of a gallery may be longer than words are; folders that are no bundle are told of."""

from dataclasses import replace

import httpx
import numpy as np
import structlog

from service.examples import EXAMPLE_BACKGROUND
from service.models.backends import make_solver, own_files
from service.models.registry import Registry
from service.settings import Settings
from service.solving.gallery import Gallery

NAME = "a-rather-long-name-of-an-icon"


def test_a_long_name_of_the_gallery_can_be_asked_for(serve, shipped) -> None:
    icon = np.full((40, 40, 3), 255, np.uint8)
    icon[8:32, 8:32] = (150, 40, 40)
    solver = make_solver(replace(shipped.parts, gallery=Gallery({NAME: (icon,)})), Settings())
    with serve(Settings(), lambda _: solver) as url:
        for word, status in ((NAME, 200), (f"<{NAME}>", 200), (NAME + "s", 422)):
            body = {"background": EXAMPLE_BACKGROUND, "prompt": {"words": [word]}}
            answer = httpx.post(f"{url}/solve", json=body, timeout=600)
            assert answer.status_code == status, answer.text


def test_a_folder_of_models_without_a_manifest_is_told_of_once(tmp_path, shipped) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "detector.onnx").write_bytes(own_files(None)["detector"].read_bytes())
    (tmp_path / "notes").mkdir()
    registry = Registry(shipped, Settings(models_dir=tmp_path))
    with structlog.testing.capture_logs() as logs:
        registry.scan()
        registry.scan()
    (line,) = [entry for entry in logs if "no bundle" in entry["event"]]
    assert line["folder"] == "mine"
