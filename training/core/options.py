"""Options of a trainer: one pydantic dataclass gives flags, keys of a file, bounds and help.

Each field stands once, as `Annotated[type, Field(bounds, description=help), Flag(...)] = default`;
`training.command_line` makes flags of the fields.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import wraps
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from pydantic import Field, ValidationError

from training.errors import TrainingError

T = TypeVar("T")

_WANTED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string": "a text",
    "path": "a path",
    "tuple": "a list",
}


@dataclass(frozen=True, slots=True)
class Flag:
    """How an option appears on the command line.

    Attributes:
        name: The flag with its dashes, as in `--grey/--colour`; empty for that of the field.
        panel: Heading of the help that it stands under; empty for the usual one.
        metavar: Name of the value in the help; empty for its type.
        default: What the help says of the default where the value itself says nothing.
        kind: `argument` for a positional one, `none` for an option without a flag.
    """

    name: str = ""
    panel: str = ""
    metavar: str = ""
    default: str = ""
    kind: Literal["option", "argument", "none"] = "option"


NO_FLAG = Flag(kind="none")

Minutes = Annotated[
    float, Field(ge=0, description="Time limit of the training in minutes; 0 for no limit.")
]
Threads = Annotated[
    int,
    Field(ge=0, description="CPU threads; 0 uses one fewer than the cores that are available."),
]
Resume = Annotated[
    bool,
    Field(description="Continue the run in --out from its newest checkpoint."),
    Flag("--resume"),
]
Finish = Annotated[
    bool,
    Field(description="With --resume: begin the final decay of the learning rate now."),
    Flag("--finish"),
]
Patience = Annotated[
    int,
    Field(
        ge=0,
        description="Validations without improvement after which the learning rate begins to "
        "decay; 0 for never.",
    ),
]
Version = Annotated[str, Field(description="Version of the weights, for the file's metadata.")]
Statement = Annotated[
    str, Field(description="What the weights were trained on, for the file's metadata.")
]


def reports(error: type[TrainingError]) -> Callable[[type[T]], type[T]]:
    """Decorate a pydantic dataclass so that a bad value is one sentence of our own.

    Args:
        error: What is raised in place of pydantic's `ValidationError`.
    """

    def decorated(model: type[T]) -> type[T]:
        build = model.__init__

        @wraps(build)
        def checked(self: T, *args: Any, **values: Any) -> None:
            try:
                build(self, *args, **values)
            except ValidationError as fault:
                raise error(_sentence(model, fault)) from None

        setattr(model, "__init__", checked)  # noqa: B010
        return model

    return decorated


def build(model: type[T], given: Mapping[str, object], **more: object) -> T:
    """An options object of the values that were given; defaults fill in the rest.

    Args:
        model: A pydantic dataclass.
        given: Values by name of the field; what the model does not have is passed over. Texts, as
            they come out of a file, become numbers and truth values.
        more: Values of further fields.

    Raises:
        TrainingError: a value makes no sense; the model says which error it is.
    """
    own = {field.name for field in fields(model)}  # type: ignore[arg-type]  # it is a dataclass
    return model(**{name: value for name, value in given.items() if name in own}, **more)


def _sentence(model: type, error: ValidationError) -> str:
    """The first fault of a value as a sentence."""
    fault = error.errors()[0]
    key, value, bounds = str(fault["loc"][0]), fault["input"], fault.get("ctx", {})
    limits = limits_of(model, key)
    match fault["type"]:
        case "literal_error":
            choices = ", ".join(word or "nothing" for word in _choices(model, key))
            return f"{key} is {value!r}; choose of {choices}."
        case "greater_than_equal" | "less_than_equal" if limits == (0, 1):
            return f"{key} is {value:g}; it is a share, from 0 to 1."
        case "greater_than_equal":
            return f"{key} is {value}; it must be at least {bounds['ge']:g}."
        case "less_than_equal":
            return f"{key} is {value}; it must be at most {bounds['le']:g}."
        case "greater_than":
            return f"{key} is {value}; it must be greater than {bounds['gt']:g}."
    wanted = _WANTED.get(fault["type"].partition("_")[0], "another value")
    return f"{key} is {value!r}; it must be {wanted}."


def limits_of(model: type, key: str) -> tuple[float | None, float | None]:
    """The bounds of a field, both inclusive."""
    bounds = [bound for one in metadata_of(model, key) for bound in getattr(one, "metadata", ())]
    least = next((bound.ge for bound in bounds if hasattr(bound, "ge")), None)
    most = next((bound.le for bound in bounds if hasattr(bound, "le")), None)
    return least, most


def metadata_of(model: type, key: str) -> tuple[Any, ...]:
    """What `Annotated` says of a field beside its type."""
    hint = get_type_hints(model, include_extras=True)[key]
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def _choices(model: type, key: str) -> tuple[str, ...]:
    return get_args(get_type_hints(model)[key])
