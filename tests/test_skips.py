"""A run that skips a test fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SKIPS = {
    "by-a-mark": ("@pytest.mark.skip(reason='no package')\ndef test(): pass", ()),
    "in-a-test-of-a-worker": ("def test(): pytest.importorskip('no_package')", ("-n", "1")),
    "a-whole-file-of-a-worker": ("pytest.importorskip('no_package')", ("-n", "1")),
}
ALLOWED = "@pytest.mark.skip(reason='dpkg-deb is of Debian')\ndef test(): pass"
ANOTHER = "\ndef test_another(): pass\n"


def run(folder: Path, code: str, *options: str) -> "subprocess.CompletedProcess[str]":
    (folder / "test_it.py").write_text(f"import pytest\n{code}{ANOTHER}")
    (folder / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "xdist", *options],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(TESTS), "COLUMNS": "200", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("code", "options"), SKIPS.values(), ids=SKIPS)
def test_what_is_skipped_fails_the_run(tmp_path: Path, code: str, options: tuple[str]) -> None:
    done = run(tmp_path, code, *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "skipped, and so the run has failed" in done.stdout
    assert "package" in done.stdout.rpartition("the run has failed")[2]


def test_reasons_that_are_named_are_allowed(tmp_path: Path) -> None:
    done = run(tmp_path, ALLOWED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the run has failed" not in done.stdout
