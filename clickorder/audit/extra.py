"""What an audit needs beside the service's packages."""

import importlib.util

from clickorder.errors import CommandError


def need_scikit_learn() -> None:
    """See that it is there, without importing it.

    Raises:
        CommandError: it is not.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise CommandError(
            "An audit needs scikit-learn, which is not installed; install it with pip install -e "
            '".[audit]".'
        )


def need_torch() -> None:
    """See that models can be trained.

    Raises:
        CommandError: they cannot.
    """
    if importlib.util.find_spec("torch") is None:
        raise CommandError(
            "What an attacker gains by training needs torch, which is not installed; install it "
            'with pip install -e ".[train]", or give --quick to leave it out.'
        )
