import classifier


def test_all_is_pinned():
    assert classifier.__all__ == [
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
    assert all(hasattr(classifier, name) for name in classifier.__all__)
