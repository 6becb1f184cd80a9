"""Finds the clickable items of a picture: YOLO networks in ONNX Runtime, NumPy around them."""

from detector.boxes import area, clip, cxcywh_from_xyxy, iou_matrix, xyxy_from_cxcywh
from detector.ddddocr import DdddocrDetector
from detector.decode import Candidates, Layout, decode, find_layout
from detector.detections import Detections, Detector
from detector.errors import DetectorError, PictureShapeError, UnknownLayoutError
from detector.letterbox import Geometry, letterbox, to_tensor
from detector.nms import nms, nms_per_class
from detector.selection import Limits
from detector.yolo import YoloDetector

__all__ = [
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
