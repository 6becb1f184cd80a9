"""Reads characters and icons, and scores only the words it is asked for."""

from classifier.charset import Charset
from classifier.dddd_trainer import DdddTrainerClassifier
from classifier.ddddocr import DdddocrClassifier
from classifier.errors import (
    CharsetError,
    ClassifierError,
    CropShapeError,
    MixedReadingsError,
    UnknownWordError,
)
from classifier.evidence import LOG_FLOOR, CtcReadings, SoftmaxReadings
from classifier.onnx_classifier import OnnxClassifier
from classifier.readings import Classifier, Readings

__all__ = [
    "LOG_FLOOR",
    "Charset",
    "CharsetError",
    "Classifier",
    "ClassifierError",
    "CropShapeError",
    "CtcReadings",
    "DdddTrainerClassifier",
    "DdddocrClassifier",
    "MixedReadingsError",
    "OnnxClassifier",
    "Readings",
    "SoftmaxReadings",
    "UnknownWordError",
]
