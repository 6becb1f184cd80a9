"""Backends: which models a solver is put together from.

Own models are files with these names: `detector.onnx`, `prompt_detector.onnx` (beside it, for
prompt pictures), `classifier.onnx` (with `charsets.json` beside it: an export of dddd_trainer),
`siamese.onnx`, `names.onnx` (with its prototypes, `names.npz`, beside it, and `vocabulary.jsonl`
where these are of another vocabulary than the shipped one), `text.onnx` (shipped beside the
classifier) and `calibration.json`. A role that has none in `Settings.models_dir` is filled by the
one that is shipped, so that a folder with a single file changes nothing else; but a detector of
one's own reads prompt pictures too, unless it has a `prompt_detector.onnx` beside it. A folder
`gallery` beside own files has reference pictures by their names.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from classifier.dddd_trainer import DdddTrainerClassifier
from classifier.ddddocr import DdddocrClassifier
from classifier.onnx_classifier import OnnxClassifier
from classifier.protocols import Classifier
from classifier.text_reader import SHIPPED, TextReader
from detector.ddddocr import DdddocrDetector
from detector.detections import Detector
from detector.yolo import YoloDetector
from modelfile import OnnxSession, is_own, verify_manifest
from modelfile.device import Device, execution_providers
from modelfile.errors import ClickorderError, ModelFileError
from service.settings import Settings
from service.solving.calibration import Calibrations
from service.solving.gallery import NO_GALLERY, Gallery
from service.solving.parts import Parts
from service.solving.solver import Solver
from siamese.matcher import SiameseMatcher
from siamese.names import Namer, PrototypeNamer
from siamese.similarity import Matcher
from siamese.vocabulary import VOCABULARY_FILE

ROLES = ("detector", "classifier", "siamese")
PROMPT_DETECTOR = "prompt_detector"
TEXT = "text"
GALLERY = "gallery"
"""Folder of named reference pictures beside own models."""

NAMES, PROTOTYPES, VOCABULARY = "names", "prototypes", "vocabulary"

_DEFAULTS = frozenset({*ROLES, PROMPT_DETECTOR, NAMES, PROTOTYPES, VOCABULARY})
"""A folder with a file for one of these has default models of its own."""

_CALIBRATIONS = Path(__file__).resolve().parents[1] / "calibrations"
"""Fitted by `benchmarks/calibrate.py` on validation puzzles, a file for each shipped backend."""


class Where(TypedDict):
    """What sessions are opened with."""

    threads: int
    device: Device


class BackendError(ClickorderError, ValueError):
    """The settings ask for models that are not there."""


def load_solver(settings: Settings) -> Solver:
    """Open the models that the settings ask for.

    Args:
        settings: `backend` `own` takes own files only (of the models folder, or else those that
            are shipped), `ddddocr` the embedded package only, `auto` own files where there are
            any, and ddddocr for the roles without one.

    A file that a manifest beside it (`SHA256SUMS`) names is checked before it is opened.

    Raises:
        DeviceError: networks cannot run on the device that is asked for.
        BackendError: `own` is asked for and there is no own detector, or nothing to recognise with.
        ModelFileError: a file cannot be used; the message names it and the fault.
        CalibrationError: the calibration file cannot be used.
        GalleryError: the gallery cannot be used.
    """
    execution_providers(settings.device)  # Raises, before anything is opened.
    files = {} if settings.backend == "ddddocr" else model_files(settings.models_dir)
    own = "detector" in files
    if settings.backend == "own" and not (own and len(files.keys() & set(ROLES)) > 1):
        place = settings.models_dir or "the shipped weights"
        raise BackendError(
            f"The backend 'own' needs detector.onnx and at least one of classifier.onnx and "
            f"siamese.onnx, and {place} has {sorted(p.name for p in files.values()) or 'none'}."
        )
    threads, device = settings.threads, settings.device
    files |= _text_file(settings.models_dir)
    parts = open_parts(files, threads=threads, device=device)
    detector = parts.detector or DdddocrDetector.load(threads=threads, device=device)
    calibrations = parts.calibrations or Calibrations()
    if not files.keys() - {TEXT}:
        calibrations = Calibrations.load(_CALIBRATIONS / "ddddocr.json")
    return make_solver(
        Parts(
            detector,
            parts.classifier or _embedded(settings, files),
            parts.matcher,
            calibrations,
            text=parts.text,
            prompt_detector=parts.prompt_detector,
            namer=parts.namer,
            gallery=_gallery(settings) if files.keys() - {TEXT} else NO_GALLERY,
        ),
        settings,
        origins=_origins(files, settings),
    )


def model_files(models_dir: Path | None) -> dict[str, Path]:
    """The own files of a folder, and the shipped ones of the roles that it has no file for.

    The calibration is the folder's, or else the shipped one: it was fitted with other models where
    some are the user's own, and fits them better than none.

    Args:
        models_dir: The folder; None for the shipped ones alone.

    Returns:
        As `own_files`.

    Raises:
        BackendError: there is no such folder, or the networks in it have other names.
    """
    own = {} if (folder := _default_dir(models_dir)) is None else own_files(folder)
    filled = own_files(None) | own
    if "classifier" in own and "charsets" not in own:
        filled.pop("charsets", None)  # of the shipped classifier
    if "detector" in own and PROMPT_DETECTOR not in own:
        # Whose own detector was trained on a site's prompt pictures knows them better.
        filled.pop(PROMPT_DETECTOR, None)
    return filled


def _gallery(settings: Settings) -> Gallery:
    """The gallery beside models of one's own; none where the default models are the shipped ones.

    Raises:
        GalleryError: it cannot be used.
    """
    folder = _default_dir(settings.models_dir)
    if folder is None or not (folder / GALLERY).is_dir():
        return NO_GALLERY
    return Gallery.load(folder / GALLERY, settings.limits)


def _origins(files: Mapping[str, Path], settings: Settings) -> dict[str, str]:
    """For each role where its model comes from."""
    folder = settings.models_dir
    origins = {}
    for role in ("detector", PROMPT_DETECTOR, "classifier", "siamese", NAMES, TEXT, "calibration"):
        if role in files:
            mine = folder is not None and files[role].parent == folder
            origins[role] = str(files[role]) if mine else "shipped"
        elif role in ("detector", "classifier") and settings.backend != "own":
            origins[role] = "ddddocr"
    return origins


def _default_dir(models_dir: Path | None) -> Path | None:
    """Where the files of the default lie; None where they are the shipped ones.

    A models folder may hold nothing but bundles, or nothing yet.

    Raises:
        BackendError: there is no such folder, or the networks in it have other names.
    """
    if models_dir is None or own_files(models_dir).keys() & _DEFAULTS:
        return models_dir
    if not models_dir.is_dir():
        raise BackendError(f"{models_dir} (CLICKORDER_MODELS_DIR) is no folder; make it first.")
    strange = sorted(p.name for p in models_dir.glob("*.onnx") if p.name != f"{TEXT}.onnx")
    if strange:
        raise BackendError(
            f"{models_dir} (CLICKORDER_MODELS_DIR) has {strange[0]}, but none of detector.onnx, "
            "classifier.onnx and siamese.onnx; give it one of these names, or put it into a bundle."
        )
    return None


def make_solver(
    parts: Parts, settings: Settings, *, origins: Mapping[str, str] | None = None
) -> Solver:
    """A solver of these parts, as the settings want solvers to be.

    Args:
        parts: The models.
        settings: Limits and effort.
        origins: For each role where its model comes from, for `Solver.origins`.
    """
    return Solver(
        parts,
        max_boxes=settings.limits.boxes,
        max_items=settings.limits.prompt_items,
        effort=settings.effort,
        origins=origins,
    )


@dataclass(frozen=True, slots=True)
class OpenedParts:
    """The parts that some files gave; None for the roles without a file."""

    detector: Detector | None
    classifier: Classifier | None
    matcher: Matcher | None
    calibrations: Calibrations | None
    text: TextReader | None
    prompt_detector: Detector | None = None
    namer: Namer | None = None


def open_parts(files: Mapping[str, Path], *, threads: int, device: Device = "cpu") -> OpenedParts:
    """Open model files, all at the same time.

    Args:
        files: As `own_files` finds them.
        threads: Threads of each session.
        device: What the networks run on.

    Raises:
        ModelFileError: a file cannot be used, or is not the one that the manifest names.
        CalibrationError: the calibration file cannot be used.
        BackendError: of the files that names are found with, one is missing.
        SiameseError: prototypes or vocabulary cannot be read, or are not of this network.
    """
    stray = next((files[role] for role in (PROTOTYPES, VOCABULARY) if role in files), None)
    if NAMES not in files and stray is not None:
        raise BackendError(
            f"{stray} is of no use without the network that it was made for; put its names.onnx "
            "beside it."
        )
    where: Where = {"threads": threads, "device": device}
    loaders: Mapping[str, Callable[[Path], object]] = {
        "detector": lambda file: YoloDetector.load(file, **where),
        "classifier": lambda file: _open_classifier(file, files.get("charsets"), where),
        "siamese": lambda file: SiameseMatcher.load(file, **where),
        TEXT: lambda file: TextReader.load(file, **where),
        PROMPT_DETECTOR: lambda file: YoloDetector.load(file, **where),
        NAMES: lambda file: _open_names(file, files, where),
    }

    def opened(role: str) -> object:
        verify_manifest(files[role])
        return loaders[role](files[role])

    # ONNX Runtime prepares a graph without holding the interpreter's lock.
    with ThreadPoolExecutor(len(loaders), thread_name_prefix="open") as pool:
        futures = {role: pool.submit(opened, role) for role in loaders if role in files}
    # Of several faults, the same one is told each time.
    found: dict[str, Any] = {role: future.result() for role, future in futures.items()}
    return OpenedParts(
        detector=found.get("detector"),
        classifier=found.get("classifier"),
        matcher=found.get("siamese"),
        calibrations=Calibrations.load(files["calibration"]) if "calibration" in files else None,
        text=found.get(TEXT),
        prompt_detector=found.get(PROMPT_DETECTOR),
        namer=found.get(NAMES),
    )


def _open_names(file: Path, files: Mapping[str, Path], where: Where) -> Namer:
    prototypes, vocabulary = files.get(PROTOTYPES), files.get(VOCABULARY, VOCABULARY_FILE)
    if prototypes is None:
        raise BackendError(
            f"{file} needs its prototypes, names.npz, beside it; write them with `clickorder names "
            "prototypes`."
        )
    verify_manifest(prototypes)
    return PrototypeNamer.load(file, prototypes, vocabulary=vocabulary, **where)


def _open_classifier(file: Path, charsets: Path | None, where: Where) -> Classifier:
    # The charsets may be the text model's alone, another export of dddd_trainer.
    if charsets is not None and not _is_own(file):
        return DdddTrainerClassifier.load(file, charsets, **where)
    return OnnxClassifier.load(file, **where)


def _is_own(file: Path) -> bool:
    """Whether a file carries our metadata, and so needs no `charsets.json`."""
    return is_own(OnnxSession(file).properties)


def _embedded(settings: Settings, files: Mapping[str, Path]) -> Classifier | None:
    """The embedded character model, where the settings let it help out."""
    if settings.backend == "own":
        return None
    try:
        return DdddocrClassifier.load(threads=settings.threads, device=settings.device)
    except ModelFileError:
        if "siamese" in files and settings.backend == "auto":
            return None  # Own files answer prompts of pictures without it.
        raise


def _text_file(models_dir: Path | None) -> dict[str, Path]:
    """The text model: the folder's own, or else the shipped one, whatever the backend."""
    for file in (models_dir and models_dir / f"{TEXT}.onnx", SHIPPED):
        if file is not None and file.is_file():
            return {TEXT: file}
    return {}


def own_files(models_dir: Path | None) -> dict[str, Path]:
    """The own files that exist.

    Args:
        models_dir: Where to look; None for the places of the shipped weights.

    Returns:
        `detector`, `prompt_detector`, `classifier`, `siamese`, `names`, `prototypes`, `vocabulary`,
        `calibration` and `charsets` to the files found.
    """
    root = Path(__file__).resolve().parents[2]
    folders = {
        role: models_dir if models_dir is not None else root / role / "weights" for role in ROLES
    }
    places = {role: folders[role] / f"{role}.onnx" for role in ROLES}
    # One that belongs to another detector's folder would not be the one it was calibrated with.
    places[PROMPT_DETECTOR] = folders["detector"] / f"{PROMPT_DETECTOR}.onnx"
    places[NAMES], places[PROTOTYPES] = (
        folders["siamese"] / f"{NAMES}{ending}" for ending in (".onnx", ".npz")
    )
    if models_dir is not None:
        places[VOCABULARY] = models_dir / VOCABULARY_FILE.name
    places["calibration"] = (
        models_dir / "calibration.json" if models_dir is not None else _CALIBRATIONS / "own.json"
    )
    found = {role: path for role, path in places.items() if path.is_file()}
    charsets = folders["classifier"] / "charsets.json"
    if "classifier" in found and charsets.is_file():
        found["charsets"] = charsets
    return found
