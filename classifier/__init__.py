"""Reads characters, icons and whole texts, and scores only the words it is asked for."""

from classifier.charset import Charset
from classifier.charsets import characters_of
from classifier.colours import rgb_of
from classifier.dddd_trainer import DdddTrainerClassifier
from classifier.ddddocr import DdddocrClassifier
from classifier.errors import (
    CharacterSetError,
    CharsetError,
    ClassifierError,
    CropShapeError,
    MixedReadingsError,
    ReadingError,
    UnknownColourError,
    UnknownWordError,
)
from classifier.onnx_classifier import OnnxClassifier
from classifier.protocols import Classifier, Readings
from classifier.readings import LOG_FLOOR, CtcReadings, SoftmaxReadings
from classifier.text_preprocess import TextPreprocess
from classifier.text_reader import TextReader, TextReading

__all__ = [
    "LOG_FLOOR",
    "CharacterSetError",
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
    "ReadingError",
    "Readings",
    "SoftmaxReadings",
    "TextPreprocess",
    "TextReader",
    "TextReading",
    "UnknownColourError",
    "UnknownWordError",
    "characters_of",
    "rgb_of",
]
