import siamese


def test_all_is_pinned():
    assert siamese.__all__ == [
        "CropShapeError",
        "Matcher",
        "SiameseError",
        "SiameseMatcher",
        "cut",
        "square",
        "to_batch",
    ]
    assert all(hasattr(siamese, name) for name in siamese.__all__)
