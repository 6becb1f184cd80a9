"""Starts Python processes that have the packages imported already; `conftest.Python` asks it to.

Importing the service is most of what a short process costs, and some tests start many. Each
connection to the socket given as an argument is a message, a JSON object with the process's three
streams beside it, and two answers: its id, then how it ended. It ends when its standard input does.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
import types

PRELOADED = (
    *("httpx", "numpy", "onnxruntime", "PIL.Image", "pytest", "scipy.ndimage", "uvicorn"),
    *("clickorder.cli", "clickorder.key_file", "clickorder.labels_cli", "clickorder.own_models"),
    *("labels.crops", "labels.group_overview", "labels.prelabel", "labels.puzzle_annotations"),
    *("service.app", "service.review", "service.serve"),
)


def serve(place: str) -> None:
    """Accept connections, each supervised by a process of its own; returns in the new process."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(place)
        listener.listen()
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The supervisors are not waited for.
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if listener not in ready:
                os._exit(0)
            connection, _ = listener.accept()
            with connection:
                if not os.fork():
                    listener.close()
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    supervise(connection)
                    return


def supervise(connection: socket.socket) -> None:
    """Start the process asked for and tell how it ends; returns in that process only."""
    message, streams, _, _ = socket.recv_fds(connection, 2**17, 3)
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
    serve(sys.argv[1])
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
