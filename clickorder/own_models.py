"""The installed models for `clickorder labels`: found as the service finds them, opened singly."""

from pathlib import Path

from classifier import DdddTrainerClassifier, OnnxClassifier
from clickorder.errors import CommandError
from detector import YoloDetector
from modelfile import verify_manifest
from service.models.backends import model_files
from siamese import SiameseMatcher

_THREADS = 0
"""As many as ONNX Runtime thinks right: in most commands nothing else runs in the process."""


class OwnModels:
    """The model files of a folder, and the shipped ones of roles that it has none for.

    Each is checked before it is opened.
    """

    def __init__(self, models_dir: Path | None, *, threads: int = _THREADS) -> None:
        """Look for the files.

        Args:
            models_dir: Where; None for the places of the shipped weights.
            threads: Threads that one run of a model may use; 0 for what ONNX Runtime thinks right.

        Raises:
            BackendError: there is no such folder, or the networks in it have other names.
        """
        self._threads = threads
        self._place = models_dir or "the shipped weights"
        self._files = model_files(models_dir)

    def detector(self, min_score: float) -> YoloDetector:
        """The detector.

        Args:
            min_score: Lower bound of a box's score.

        Raises:
            CommandError: there is none.
            ModelFileError: it cannot be used.
        """
        return YoloDetector.load(
            self._file("detector"), threads=self._threads, confidence_threshold=min_score
        )

    def classifier(self) -> OnnxClassifier | DdddTrainerClassifier | None:
        """The classifier; None where there is none.

        Raises:
            ModelFileError: it cannot be used.
        """
        if "classifier" not in self._files:
            return None
        file = self._file("classifier")
        if "charsets" in self._files:
            return DdddTrainerClassifier.load(file, self._files["charsets"], threads=self._threads)
        return OnnxClassifier.load(file, threads=self._threads)

    def matcher(self) -> SiameseMatcher:
        """The matcher.

        Raises:
            CommandError: there is none.
            ModelFileError: it cannot be used.
        """
        return SiameseMatcher.load(self._file("siamese"), threads=self._threads)

    def _file(self, role: str) -> Path:
        if role not in self._files:
            raise CommandError(
                f"There is no {role}.onnx in {self._place}; name a folder that has one with "
                "--models-dir."
            )
        verify_manifest(self._files[role])
        return self._files[role]
