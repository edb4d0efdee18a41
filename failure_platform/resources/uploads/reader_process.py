"""Reads uploads one after another in a child process, which is stopped at a limit on memory or time.

A file can make its reader use any amount of memory, hang, or crash in native code; in the platform's own process this
would end all other work too. Starting a child for each upload would cost a second of imports, so one child reads them
in turn. It ends after some seconds without a call, and when its parent process ends, however that happens.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar, cast

import psutil

from failure_platform.domain.rows.refusals import UploadRefusedError
from failure_platform.settings import ENV_PREFIX

IDLE_SECONDS = 3.0
"""After so long without a call the child ends, and its memory is free."""

_POLL_SECONDS = 0.05
_MOST_LIKELY_VICTIM = "1000"
_WHERE = "the process that reads files"

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class _Child:
    process: subprocess.Popen[bytes]
    connection: "Connection[Any, Any]"

    @property
    def memory(self) -> int:
        """Resident memory in bytes; 0 where it has ended."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return int(psutil.Process(self.process.pid).memory_info().rss)
        return 0

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()


class ReaderProcess:
    """Calls functions in a child process. Starts nothing before the first call.

    Attributes:
        memory: bytes that the child may hold while it works.
        seconds: how long one call may take.
    """

    def __init__(self, memory: int, seconds: float) -> None:
        """Keep the limits."""
        self.memory, self.seconds = memory, seconds
        self._child: _Child | None = None
        # Held by the thread that uses the child: only that thread may put the child away.
        self._turn = threading.Lock()

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function, known by its module and name, returns in the child.

        Raises UploadRefusedError when it went beyond a limit or the child died of it, and whatever the function raises.
        """
        with self._turn:
            while True:
                was_idle = self._child is not None
                child = self._warm()
                with contextlib.ExitStack() as interrupted:
                    # An exception here must not leave an answer that the next call would take for its own.
                    interrupted.callback(self._put_away)
                    try:
                        child.connection.send((function, args, kwargs))
                        result, error = self._answer(child)
                    except (EOFError, ConnectionError):
                        code = child.process.wait()
                        if code == 0 and was_idle:
                            continue  # it had just ended because it was idle, and never received the call
                        raise _died(code) from None
                    interrupted.pop_all()
                if error is not None:
                    raise error
                return cast(T, result)

    def close(self) -> None:
        """End the child, if there is one. A later call starts another.

        A call that is under way in another thread raises UploadRefusedError there, and has ended when this returns.
        """
        while not self._turn.acquire(timeout=_POLL_SECONDS):
            # The connection is closed by the thread that reads from it: closed here as well, its number could belong
            # to another file by then.
            if (child := self._child) is not None:
                child.process.kill()
        try:
            self._put_away()
        finally:
            self._turn.release()

    def _put_away(self) -> None:
        """End the child, if there is one. Only in the thread whose turn it is."""
        if self._child is not None:
            self._end_child()
            self._child = None

    def _warm(self) -> _Child:
        if self._child is not None and self._child.process.poll() is None:
            return self._child
        self._put_away()
        ours, theirs = Pipe()
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - this interpreter and this module
                # -P: a file in the working directory must not stand in for a library.
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # What libraries print must not end up in our own output.
                stdout=subprocess.DEVNULL,
            )
        self._child = _Child(process, ours)
        # Called at most once: by `_put_away`, or where this object is forgotten.
        self._end_child = weakref.finalize(self, self._child.end)
        return self._child

    def _answer(self, child: _Child) -> tuple[Any, BaseException | None]:
        end = time.monotonic() + self.seconds
        while not child.connection.poll(_POLL_SECONDS):
            if (held := child.memory) > self.memory:
                gibs = f"{held / 2**30:.1f} GiB; {self.memory / 2**30:.1f} GiB are allowed"
                raise _beyond("memory", gibs, "READING_MEMORY")
            if time.monotonic() > end:
                raise _beyond("time", f"more than the {self.seconds / 60:g} minutes allowed", "READING_MINUTES")
        return cast(tuple[Any, BaseException | None], child.connection.recv())


def _beyond(what: str, amount: str, setting: str) -> UploadRefusedError:
    return UploadRefusedError(
        f"Reading the file takes too much {what}",
        _WHERE,
        f"It was stopped when it had taken {amount}.",
        f"Split the file and drop the parts, or raise {ENV_PREFIX}{setting} and drop it again.",
    )


def _died(code: int) -> UploadRefusedError:
    how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    why = ", which the system sends when memory runs out" if code == -signal.SIGKILL else ""
    return UploadRefusedError(
        "Reading the file brought its reader down",
        _WHERE,
        f"It ended with {how}{why}.",
        "Split the file or save it again, as .csv in UTF-8 or .xlsx, and drop that; or drop it again if the machine "
        "was short of memory.",
    )


def _serve(connection: "Connection[Any, Any]") -> NoReturn:
    """Run calls in a second thread, while this thread notices the end of the parent."""
    # When the platform is stopped, the parent ends this process; ending first would look like a bad file.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        # When memory runs out, the kernel must choose this process and not the platform.
        Path("/proc/self/oom_score_adj").write_text(_MOST_LIKELY_VICTIM)
    work = ThreadPoolExecutor(1)
    last: Future[Any] | None = None
    while True:
        if connection.poll(IDLE_SECONDS):
            try:
                function, args, kwargs = connection.recv()
            except (EOFError, ConnectionError):
                os._exit(1)  # the parent has ended: nobody waits for the result
            last = work.submit(function, *args, **kwargs)
            last.add_done_callback(lambda done: _send(connection, done))
        elif last is None or last.done():
            os._exit(0)


def _send(connection: "Connection[Any, Any]", done: "Future[Any]") -> None:
    with contextlib.ExitStack() as not_sent:
        # A result that cannot be sent must not leave the parent waiting.
        not_sent.callback(os._exit, 1)
        error = done.exception()
        if error is not None:
            error.add_note("".join(traceback.format_exception(error)))
        connection.send((None, error) if error is not None else (done.result(), None))
        not_sent.pop_all()


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
