import detector


def test_all_is_pinned():
    assert detector.__all__ == [
        "Candidates",
        "DdddocrDetector",
        "Detections",
        "Detector",
        "DetectorError",
        "Geometry",
        "Layout",
        "Limits",
        "PictureShapeError",
        "UnknownLayoutError",
        "YoloDetector",
        "area",
        "clip",
        "cxcywh_from_xyxy",
        "decode",
        "find_layout",
        "iou_matrix",
        "letterbox",
        "nms",
        "nms_per_class",
        "to_tensor",
        "xyxy_from_cxcywh",
    ]
    assert all(hasattr(detector, name) for name in detector.__all__)
