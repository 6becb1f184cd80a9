"""Errors of puzzle generation.

SyntheticError
├── IngredientsMissingError    the cache holds nothing to draw with
├── PackageUnavailableError    a package could not be had from its client
├── BrokenPackageError         a package was had, but nothing in it can be used
├── ReservedIngredientError    an ingredient that is kept for the last word was asked for
├── CacheBusyError             another run is filling the same cache
└── GenerateError              a request for puzzles that cannot be drawn
"""

from modelfile.errors import ClickorderError


class SyntheticError(ClickorderError):
    """Puzzles cannot be made; `str(error)` is one sentence for the person at the terminal."""


class IngredientsMissingError(SyntheticError):
    """The cache holds nothing to draw with."""


class PackageUnavailableError(SyntheticError):
    """A package could not be had: no client, no network, or no such version."""


class BrokenPackageError(SyntheticError):
    """A package was had, but no ingredient in it can be used."""


class ReservedIngredientError(SyntheticError):
    """A reserved ingredient was asked for."""


class CacheBusyError(SyntheticError):
    """Another run is filling the same cache."""


class GenerateError(SyntheticError):
    """A request for puzzles that cannot be drawn: an unknown family or split, or none at all."""
