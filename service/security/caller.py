"""Where a request comes from, by headers that browsers add and no page can change."""

from dataclasses import dataclass
from typing import Self

from starlette.datastructures import Headers
from starlette.types import Scope

from service.errors import ForeignRequestError
from service.hosts import hostname

_MAX_TOLD = 60


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a request calls, and which page sends it.

    Attributes:
        hosts: Every `Host` header; one, unless somebody plays tricks.
        origin: Origin of the page; None for no page, and for reads of older browsers.
        is_foreign: Whether a browser says that a page of another site asks.
    """

    hosts: tuple[str, ...]
    origin: str | None
    is_foreign: bool

    @classmethod
    def of(cls, scope: Scope) -> Self:
        """The caller of a request."""
        headers = Headers(scope=scope)
        foreign = headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
        return cls(tuple(headers.getlist("host")), headers.get("origin"), foreign)

    def uses(self, names: frozenset[str]) -> bool:
        """Whether it calls this machine by one of these names, in lower case."""
        return len(self.hosts) == 1 and hostname(self.hosts[0]) in names

    def unknown_host(self, advice: str) -> ForeignRequestError:
        """The error of a request that calls another host; `advice` says what to do instead."""
        hosts = ", ".join(self.hosts)[:_MAX_TOLD]
        return ForeignRequestError(f"The host {hosts!r} is not this machine; {advice}.")

    def unknown_origin(self, fault: str) -> ForeignRequestError:
        """The error of a request from another page; `fault` says what is wrong with that."""
        return ForeignRequestError(f"The origin {(self.origin or '')[:_MAX_TOLD]!r} {fault}.")

    @staticmethod
    def foreign_site() -> ForeignRequestError:
        """The error of a request that is foreign."""
        return ForeignRequestError("Another site asks for this; open the page itself.")
