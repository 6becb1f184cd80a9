"""The review page on a port of this machine, until somebody ends it."""

import contextlib
import socket
import threading
import webbrowser
from pathlib import Path

import uvicorn

from clickorder.review.app import create_review_app
from service.settings import Log
from service.telemetry.logs import configure_logging


def run_review(folder: Path, port: int, *, browser: bool = True) -> None:
    """Serve the page on 127.0.0.1 until SIGINT or SIGTERM.

    Args:
        folder: As for `create_review_app`.
        port: 0 takes a free one.
        browser: Whether to open the page in the user's browser.

    Raises:
        LayoutError: the folder cannot be reviewed, and why.
        OSError: the port cannot be opened.
    """
    app = create_review_app(folder)
    configure_logging(Log(level="warning", format="console"))
    with socket.socket() as listening:
        # So that a review can be started again at once; nobody else may listen there meanwhile.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        listening.listen()
        print(f"Review {folder} on {address} (Ctrl+C ends; everything is saved).", flush=True)
        if browser:
            # The socket listens already, so the page comes as soon as the server is up.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                loop="asyncio",  # as service.serve
                http="h11",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=2,
            )
        )
        # uvicorn raises the signal again after it has shut down in good order.
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listening])
