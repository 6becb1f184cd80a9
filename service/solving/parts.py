"""The parts of a solver: its models, how their scores are weighed, and names for pictures."""

from dataclasses import dataclass

from classifier.protocols import Classifier
from classifier.text_reader import TextReader
from detector.detections import Detector
from service.solving.calibration import UNCALIBRATED, Calibrations
from service.solving.gallery import NO_GALLERY, Gallery
from siamese.names import Namer
from siamese.similarity import Matcher


@dataclass(frozen=True, slots=True)
class Parts:
    """What a solver is put together from; sessions may be shared between solvers.

    Attributes:
        detector: Finds boxes, on backgrounds and on prompt pictures.
        classifier: Reads crops; None where no character model is installed.
        matcher: Compares crops; None where no Siamese model is installed.
        calibrations: Turn scores into probabilities.
        gallery: Words that name pictures.
        text: Reads whole pictures of text; None where no text model is installed.
        prompt_detector: Finds the items of prompt pictures; None leaves that to `detector`.
        prompt_count: Least and greatest number of items of the prompt pictures that these models
            are for; None where any number may come.
        namer: Finds drawings by their names; None where no names network is installed.
    """

    detector: Detector
    classifier: Classifier | None = None
    matcher: Matcher | None = None
    calibrations: Calibrations = UNCALIBRATED
    gallery: Gallery = NO_GALLERY
    text: TextReader | None = None
    prompt_detector: Detector | None = None
    prompt_count: tuple[int, int] | None = None
    namer: Namer | None = None
