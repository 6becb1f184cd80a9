"""Crops: pairs of views of one item, and negatives, for training matcher and classifier."""
