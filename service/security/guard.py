"""Who may come in: API keys, foreign pages, and the headers that every answer carries.

Pure ASGI, and before anything reads the body: who is refused has sent it for nothing.
"""

from collections.abc import Mapping
from contextlib import ExitStack

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import AdminOnlyError, ServiceError
from service.hosts import LOOPBACK_NAMES, is_loopback
from service.problems import problem_of
from service.security.caller import Caller
from service.security.keys import Key, Keys
from service.settings import Settings

CORS_METHODS = ("GET", "POST")
CORS_REQUEST_HEADERS = ("Authorization", "Content-Type", "X-API-Key", "X-Request-ID")
CORS_ANSWER_HEADERS = ("Retry-After", "X-Request-ID")

_OPEN = frozenset({"/", "/healthz", "/readyz", "/openapi.json", "/favicon.ico", "/docs"})
_READS = frozenset({"GET", "HEAD", "OPTIONS"})

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def is_open(path: str) -> bool:
    """Whether a path is answered without a key: health, the page and the documentation."""
    return path in _OPEN or path.startswith(("/page/", "/docs/"))


def needs_admin(method: str, path: str) -> bool:
    """Whether a request changes what is served to everybody."""
    return method not in _READS and path.startswith("/models/")


class SecurityHeaders:
    """Adds to every answer what it does not say itself; a page with its own policy keeps it.

    Args:
        app: Whatever answers.
        more: Headers besides, or in place of, those of the service.
    """

    def __init__(self, app: ASGIApp, more: Mapping[str, str] | None = None) -> None:
        self._app = app
        self._headers = _HEADERS | dict(more or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Guard:
    """Lets in who has a key; where keys are not required, who does not come from elsewhere.

    Without keys, and on loopback, any page in a browser of this machine could call the service:
    so it must call it by a name that only this machine has (no name that somebody's DNS points
    here), and must be a page of the service or of an origin that the settings name. What changes
    the models must moreover come from this machine, and from no other origin at all.

    The name of the key, never the key, is left in `scope["state"]["key"]`, and in `"spend"` what
    counts the requests of a batch.
    """

    def __init__(self, app: ASGIApp, settings: Settings, keys: Keys) -> None:
        self._app = app
        self._keys = keys
        self._names = LOOPBACK_NAMES | {name.lower() for name in settings.allowed_hosts}
        if is_loopback(settings.host):
            self._names |= {settings.host.lower()}
        # Elsewhere nobody knows by which names it is called, unless the settings say so.
        self._known_names_only = is_loopback(settings.host) or bool(settings.allowed_hosts)
        self._origins = frozenset(settings.cors_origins)
        self._retry_after_s = settings.retry_after_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with ExitStack() as stack:
            try:
                if not self._keys.required:
                    self._check_origin(scope)
                elif key := self._key(scope):
                    stack.enter_context(key.admitted(self._retry_after_s))
            except ServiceError as error:
                await problem_of(error, scope)(scope, receive, send)
                return
            await self._app(scope, receive, send)

    def _key(self, scope: Scope) -> Key | None:
        """The key of a request; None where it needs none.

        Raises:
            MissingKeyError, UnknownKeyError, AdminOnlyError: it is not let in.
        """
        path = scope["path"]
        if is_open(path):
            return None
        key = self._keys.of(Headers(scope=scope))
        state = scope.setdefault("state", {})
        state["key"] = key.name
        state["spend"] = key.spend
        if needs_admin(scope["method"], path) and not key.admin:
            raise AdminOnlyError(
                f"The key {key.name} is not an administrator's; use one made with `--admin`."
            )
        return key

    def _check_origin(self, scope: Scope) -> None:
        """Refuse what another page, or a name that points here, asks of a service without keys.

        Raises:
            ForeignRequestError, AdminOnlyError: it is not let in.
        """
        caller = Caller.of(scope)
        admin = needs_admin(scope["method"], scope["path"])
        if admin:
            peer = scope.get("client")
            if peer is None or not is_loopback(peer[0]):
                raise AdminOnlyError(
                    "Without API keys only this machine may change the models; make an "
                    "administrator's key with `clickorder keys new NAME --admin`."
                )
        known = caller.uses(self._names)
        if not known and (admin or self._known_names_only):
            raise caller.unknown_host(
                "call the service as 127.0.0.1 or localhost, or name the host in the setting "
                "`allowed_hosts`"
            )
        if not self._known_names_only and not admin:
            return
        origin = caller.origin
        if origin is None:
            # Older browsers send no origin with a read; what is written always has one.
            if caller.is_foreign and scope["method"] not in _READS:
                raise caller.foreign_site()
        elif origin.partition("://")[2] != caller.hosts[0] and (
            admin or not self._is_named(origin)
        ):
            raise caller.unknown_origin(
                "is not the service's own; name it in the setting `cors_origins` if its pages are "
                "to use the service"
            )

    def _is_named(self, origin: str) -> bool:
        return origin in self._origins or "*" in self._origins
