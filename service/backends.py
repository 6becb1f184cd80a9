"""Backends: which models a solver is put together from.

Own models are files with these names, in `Settings.models_dir` or where they are shipped:
`detector.onnx`, `classifier.onnx` (with `charsets.json` beside it: an export of dddd_trainer),
`siamese.onnx`, and, in `models_dir`, `calibration.json`.
"""

from collections.abc import Mapping
from pathlib import Path

from classifier.dddd_trainer import DdddTrainerClassifier
from classifier.ddddocr import DdddocrClassifier
from classifier.onnx_classifier import OnnxClassifier
from classifier.readings import Classifier
from detector.ddddocr import DdddocrDetector
from detector.detections import Detector
from detector.yolo import YoloDetector
from modelfile import verify_manifest
from modelfile.errors import ModelFileError
from service.calibration import Calibrations
from service.settings import Settings
from service.solver import Solver
from siamese.matcher import SiameseMatcher
from siamese.similarity import Matcher

_ROLES = ("detector", "classifier", "siamese")

_CALIBRATIONS = Path(__file__).resolve().parent / "calibrations"
"""Fitted by `benchmarks/calibrate.py` on validation puzzles, a file for each shipped backend."""


class BackendError(ValueError):
    """The settings ask for models that are not there."""


def load_solver(settings: Settings) -> Solver:
    """Open the models that the settings ask for.

    Args:
        settings: `backend` `own` takes own files only, `ddddocr` the embedded package only, `auto`
            own files where there are any, and ddddocr for the roles without one.

    A file that a manifest beside it (`SHA256SUMS`) names is checked before it is opened.

    Raises:
        BackendError: `own` is asked for and there is no own detector, or nothing to recognise with.
        ModelFileError: a file cannot be used; the message names it and the fault.
        CalibrationError: the calibration file cannot be used.
    """
    files = {} if settings.backend == "ddddocr" else own_files(settings.models_dir)
    if settings.models_dir is not None and settings.backend == "auto" and not files:
        raise BackendError(
            f"{settings.models_dir} (CLICKORDER_MODELS_DIR) has none of detector.onnx, "
            "classifier.onnx and siamese.onnx; name a folder that has, or leave it unset."
        )
    own = "detector" in files
    if settings.backend == "own" and not (own and len(files.keys() & set(_ROLES)) > 1):
        place = settings.models_dir or "the shipped weights"
        raise BackendError(
            f"The backend 'own' needs detector.onnx and at least one of classifier.onnx and "
            f"siamese.onnx, and {place} has {sorted(p.name for p in files.values()) or 'none'}."
        )
    for role in _ROLES:
        if role in files:
            verify_manifest(files[role])
    threads = settings.threads
    detector: Detector
    if own:
        detector = YoloDetector.load(files["detector"], threads=threads)
    else:
        detector = DdddocrDetector.load(threads=threads)
    matcher: Matcher | None = None
    if "siamese" in files:
        matcher = SiameseMatcher.load(files["siamese"], threads=threads)
    classifier = _classifier(settings, files)
    calibrations = Calibrations()
    if "calibration" in files:
        calibrations = Calibrations.load(files["calibration"])
    elif not files:
        calibrations = Calibrations.load(_CALIBRATIONS / "ddddocr.json")
    return Solver(
        detector,
        classifier,
        matcher,
        calibrations=calibrations,
        max_boxes=settings.limits.boxes,
        max_items=settings.limits.prompt_items,
        look_twice=settings.look_twice,
    )


def _classifier(settings: Settings, files: Mapping[str, Path]) -> Classifier | None:
    if "charsets" in files:
        return DdddTrainerClassifier.load(
            files["classifier"], files["charsets"], threads=settings.threads
        )
    if "classifier" in files:
        return OnnxClassifier.load(files["classifier"], threads=settings.threads)
    if settings.backend == "own":
        return None
    try:
        return DdddocrClassifier.load(threads=settings.threads)
    except ModelFileError:
        if "siamese" in files and settings.backend == "auto":
            return None  # Own files answer prompts of pictures without it.
        raise


def own_files(models_dir: Path | None) -> dict[str, Path]:
    """The own files that exist.

    Args:
        models_dir: Where to look; None for the places of the shipped weights.

    Returns:
        `detector`, `classifier`, `siamese`, `calibration` and `charsets` to the files found.
    """
    root = Path(__file__).resolve().parent.parent
    folders = {
        role: models_dir if models_dir is not None else root / role / "weights" for role in _ROLES
    }
    places = {role: folders[role] / f"{role}.onnx" for role in _ROLES}
    places["calibration"] = (
        models_dir / "calibration.json" if models_dir is not None else _CALIBRATIONS / "own.json"
    )
    found = {role: path for role, path in places.items() if path.is_file()}
    charsets = folders["classifier"] / "charsets.json"
    if "classifier" in found and charsets.is_file():
        found["charsets"] = charsets
    return found
