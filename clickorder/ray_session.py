"""The Ray cluster of a command: one that runs, or one that is started for as long as it runs."""

import importlib.util
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clickorder.errors import CommandError, UsageError

if TYPE_CHECKING:
    from service.settings import Settings

_STARTS = 12
_OBJECT_STORE_BYTES = 256 * 2**20
"""Only bodies of requests, and results, go through it."""


def need_ray() -> None:
    """See that Ray is there, without importing it.

    Raises:
        CommandError: it is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise CommandError(
            "A cluster needs Ray, which is not installed; install it with pip install -e "
            '".[cluster]".'
        )


def connect(address: str | None, *, start: bool = True) -> bool:
    """Connect to the cluster, or start one on this machine; Ray is told to report no usage.

    Args:
        address: The cluster; None takes `RAY_ADDRESS`.
        start: Whether to start one where none is named.

    Returns:
        Whether one was started, which ends with this process.

    Raises:
        UsageError: none is named, and none is to be started.
        CommandError: Ray is not installed, or there is no cluster at the address.
    """
    need_ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    named = address or os.environ.get("RAY_ADDRESS") or None
    if named is None and not start:
        raise UsageError("There is no address of a cluster; give --address, or set RAY_ADDRESS.")
    if named is None:
        _start_local()
        return True
    allow_token(named)
    import ray

    try:
        ray.init(address=named, log_to_driver=False)
    except (ConnectionError, ValueError) as error:
        raise CommandError(
            f"There is no Ray cluster at {named} ({str(error).splitlines()[0]}); start one with "
            "`ray start --head`, or leave --address out. For one that asks for a token, set "
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN."
        ) from error
    return False


def allow_token(address: str | None) -> None:
    """Let Ray send its token to a cluster of this machine, if there is one.

    Ray itself does so for the address `auto` alone, and must be told before it is imported.

    Args:
        address: As for `connect`.
    """
    named = address or os.environ.get("RAY_ADDRESS") or ""
    if is_on_this_machine(named) and _has_token():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def address_of_cluster() -> str:
    """Host and port of the cluster that this process is connected to."""
    import ray

    return str(ray.get_runtime_context().gcs_address)


def settings_for_workers(settings: "Settings") -> dict[str, Any]:
    """Settings as processes elsewhere take them: what is not the default, as JSON.

    Paths become absolute, since workers have a folder of their own to start in. The settings file
    and the profile have done their part, which is among the rest; ports are not a worker's.
    """
    sent = settings.model_dump(mode="json", exclude_unset=True)
    for name in ("settings", "profile", "port", "grpc_port"):
        sent.pop(name, None)
    if sent.get("models_dir") is not None:
        sent["models_dir"] = str(Path(sent["models_dir"]).resolve())
    if sent.get("keep", {}).get("dir") is not None:
        sent["keep"]["dir"] = str(Path(sent["keep"]["dir"]).resolve())
    return sent


@contextmanager
def session(address: str | None) -> Iterator[None]:
    """A cluster for a while; see `connect`."""
    connect(address)
    import ray

    try:
        yield
    finally:
        ray.shutdown()


def is_on_this_machine(address: str) -> bool:
    """Whether the host of an address, `HOST:PORT`, is one of this machine's own."""
    host = address.rpartition(":")[0].strip("[]")
    if not host:
        return False
    try:
        family, kind, protocol, _, (ip, *_) = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind((ip, 0))  # an address of another machine cannot be bound
    except (OSError, UnicodeError):
        return False
    return True


def _has_token() -> bool:
    """Whether there is a token for Ray, in one of the places where it looks for one."""
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return True
    return (Path.home() / ".ray" / "auth_token").exists()


def _start_local() -> None:
    """Start Ray on this machine.

    Raises:
        CommandError: it does not start.
    """
    # Of a proxy that takes longer than 5 s Ray thinks that it is dead.
    for name in ("READY_CHECK", "HEALTH_CHECK"):
        os.environ.setdefault(f"RAY_SERVE_PROXY_{name}_TIMEOUT_S", "60")
    import ray

    for attempt in range(_STARTS):
        try:
            ray.init(
                address="local",
                include_dashboard=False,
                log_to_driver=False,
                object_store_memory=_OBJECT_STORE_BYTES,
            )
        except Exception as error:
            # Ray gives its processes 30 s to start and raises a plain Exception after that; a busy
            # machine takes longer, and less once the files have been read.
            if attempt + 1 == _STARTS:
                raise CommandError(
                    f"Ray does not start on this machine: {str(error).splitlines()[0]}"
                ) from error
            ray.shutdown()
        else:
            return
