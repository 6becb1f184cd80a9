import classifier


def test_all_is_pinned():
    assert classifier.__all__ == [
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
    assert all(hasattr(classifier, name) for name in classifier.__all__)
