"""Errors of puzzle generation.

SyntheticError
├── IngredientsMissingError    the cache holds nothing to draw with
├── PackageUnavailableError    a package could not be fetched by its client
├── BrokenPackageError         a package was fetched, but contains nothing usable
├── ReservedIngredientError    an ingredient that is reserved for the final test was requested
├── CacheBusyError             another run is filling the same cache
└── GenerateError              a request for puzzles that cannot be drawn
"""

from modelfile.errors import ClickorderError


class SyntheticError(ClickorderError):
    """Puzzles cannot be generated; `str(error)` is one sentence for the user."""


class IngredientsMissingError(SyntheticError):
    """The cache holds nothing to draw with."""


class PackageUnavailableError(SyntheticError):
    """A package could not be fetched: no client, no network, or no such version."""


class BrokenPackageError(SyntheticError):
    """A package was fetched, but contains no usable ingredient."""


class ReservedIngredientError(SyntheticError):
    """An ingredient that is reserved for the final test was requested."""


class CacheBusyError(SyntheticError):
    """Another run is filling the same cache."""


class GenerateError(SyntheticError):
    """A request for puzzles that cannot be drawn: an unknown family or split, or none at all."""
