"""Which bundle a request is for, when it names none."""

from dataclasses import dataclass

from service.models.bundle import Serves


@dataclass(frozen=True, slots=True)
class Wish:
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


def may(serves: Serves, wish: Wish) -> bool:
    """Whether nothing that a bundle says of itself speaks against a request."""
    for given, known in ((wish.site, serves.sites), (wish.type, serves.types)):
        if given is not None and known and given not in known:
            return False
    return not (wish.prompt and serves.prompts and wish.prompt not in serves.prompts)


def by_site(serves: Serves, wish: Wish) -> bool:
    """Whether a bundle is for the site, or the type, that a request names."""
    if serves.sites and wish.site not in serves.sites:
        return False
    if serves.types and wish.type not in serves.types:
        return False
    return bool(serves.sites or serves.types)


def by_size(serves: Serves, wish: Wish) -> bool:
    """Whether a bundle is for backgrounds of the size of this one."""
    return wish.size is not None and wish.size in serves.sizes


def narrowness(serves: Serves, wish: Wish) -> tuple[bool, bool, bool]:
    """Of two bundles that suit a request, the one that says more of it answers."""
    return bool(serves.sites), bool(serves.types), by_size(serves, wish)
