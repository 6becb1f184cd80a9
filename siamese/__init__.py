"""Says how alike two crops are: one embedding pass, then the pairwise head."""

from siamese.errors import CropShapeError, SiameseError
from siamese.matcher import SiameseMatcher
from siamese.preprocess import cut, square, to_batch
from siamese.similarity import Matcher

__all__ = [
    "CropShapeError",
    "Matcher",
    "SiameseError",
    "SiameseMatcher",
    "cut",
    "square",
    "to_batch",
]
