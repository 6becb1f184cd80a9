"""Which bundle a request is for, when it names none."""

from dataclasses import dataclass

from service.models.bundle import Serves


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """What is known of a request before a bundle is chosen.

    Attributes:
        model: Name of the bundle that the caller asks for.
        site: Where the picture is from.
        type: Which of the site's kinds of puzzle it is.
        size: Width and height of the background in pixels.
        prompt: Kind of prompt; None for requests without one.
    """

    model: str | None = None
    site: str | None = None
    type: str | None = None
    size: tuple[int, int] | None = None
    prompt: str | None = None


ANY_BUNDLE = RouteRequest()
"""A request whose caller says nothing of the bundle."""


def is_compatible(serves: Serves, request: RouteRequest) -> bool:
    """True if the manifest does not exclude the request."""
    for given, known in ((request.site, serves.sites), (request.type, serves.types)):
        if given is not None and known and given not in known:
            return False
    return not (request.prompt and serves.prompts and request.prompt not in serves.prompts)


def by_site(serves: Serves, request: RouteRequest) -> bool:
    """Whether a bundle is for the site, or the type, that a request names."""
    if serves.sites and request.site not in serves.sites:
        return False
    if serves.types and request.type not in serves.types:
        return False
    return bool(serves.sites or serves.types)


def by_size(serves: Serves, request: RouteRequest) -> bool:
    """Whether a bundle is for backgrounds of the size of this one."""
    return request.size is not None and request.size in serves.sizes


def specificity(serves: Serves, request: RouteRequest) -> tuple[bool, bool, bool]:
    """Sort key: of two compatible bundles, the more specific one answers."""
    return bool(serves.sites), bool(serves.types), by_size(serves, request)
