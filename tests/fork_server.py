"""Starts Python processes that have the packages imported already; `conftest.Python` asks it to.

Importing the service is most of what a short process costs, and some tests start many. Each
message on the socket whose number is the argument is a JSON object, with a socket for two answers
beside it, the process's id and then how it ended, and its three streams. It ends when the socket is
closed at the other end. (A pair of sockets: the path of one with a name may be too long.)
"""

import contextlib
import importlib
import json
import os
import signal
import socket
import sys
import threading
import traceback
import types

PRELOADED = (
    *("httpx", "numpy", "modelfile", "PIL.Image", "pytest", "scipy.ndimage", "uvicorn"),
    *("clickorder.cli", "clickorder.key_file", "clickorder.cli.labels", "clickorder.own_models"),
    *("labels.crops", "labels.group_overview", "labels.prelabel", "labels.puzzle_annotations"),
    *("clickorder.review.server", "service.app", "service.serve"),
)


def serve(number: int) -> None:
    """Start what is asked for, each supervised by a process of its own; returns in the new one."""
    with socket.socket(fileno=number) as orders:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The supervisors are not waited for.
        while True:
            message, received, _, _ = socket.recv_fds(orders, 2**17, 4)
            if not message:
                os._exit(0)
            answers, *streams = received
            if not os.fork():
                orders.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                with socket.socket(fileno=answers) as connection:
                    supervise(connection, message, streams)
                return
            for stream in (answers, *streams):
                os.close(stream)


def supervise(connection: socket.socket, message: bytes, streams: list[int]) -> None:
    """Start the process asked for and tell how it ends; returns in that process only."""
    process = os.fork()
    if process:
        for stream in streams:
            os.close(stream)
        connection.send(str(process).encode())
        _, status = os.waitpid(process, 0)
        with contextlib.suppress(BrokenPipeError):  # Nobody asks.
            connection.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    asked.update(json.loads(message))


def run(code: str) -> int:
    """The exit code of a script."""
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        exec(compile(code, "<string>", "exec"), vars(main))
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except Exception:
        traceback.print_exc()
        raise
    return 0


if __name__ == "__main__":
    for name in PRELOADED:
        importlib.import_module(name)
    asked: dict[str, object] = {}
    serve(int(sys.argv[1]))
    os.chdir(str(asked["folder"]))
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["-c", *asked["arguments"]]
    sys.path[0] = ""
    ended = 1
    try:
        ended = run(str(asked["code"]))
    finally:
        for thread in threading.enumerate():
            if thread is not threading.main_thread() and not thread.daemon:
                thread.join()
        sys.stdout.flush()
        sys.stderr.flush()
        # ONNX Runtime has a thread since its import, which a clean exit waits for, and no fork has.
        os._exit(ended)
