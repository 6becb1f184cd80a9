"""Functions of the owner's, named on the command line as `module:function`."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from clickorder.errors import CommandError, UsageError


def load_function(name: str) -> tuple[ModuleType, Callable[..., Any]]:
    """The module and the function.

    Args:
        name: `module:function`; the module may lie in the working folder.

    Raises:
        UsageError: the name has no colon, or there is no such module or function.
        CommandError: the module fails when it is imported.
    """
    module_name, colon, function_name = name.partition(":")
    if not (colon and module_name and function_name):
        raise UsageError(f"{name!r} names no function; give module:function, as in mysite:accept.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise UsageError(
                f"There is no module {module_name!r}; give one that Python can import from here."
            ) from error
        raise CommandError(f"The module {module_name!r} cannot be imported ({error}).") from error
    except Exception as error:
        raise CommandError(
            f"The module {module_name!r} fails when it is imported "
            f"({type(error).__name__}: {error})."
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UsageError(f"The module {module_name!r} has no function {function_name!r}.")
    return module, function
