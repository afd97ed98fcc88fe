"""Processes that record, begun again when they die.

Decided: processes of our own, not joblib's. A pool of loky's hands out calls that end, can't tell
which of them a dead process had, and fails as a whole when one dies; here each process has markets
that it keeps, a pipe by which it tells how it is doing, and a successor when it dies.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import subprocess
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gekko_lab.errors import InvalidType
from gekko_lab.feeds.record_status import OVER, Status
from gekko_lab.feeds.record_worker import LENGTH, STOP, Order
from gekko_lab.settings import options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from gekko_lab.feeds.record_crew import Persistence
    from gekko_lab.feeds.record_spec import Spec

_TRAVELLING: Final = ("compile", "data_dir", "log", "state_dir")
_PATIENCE_S: Final = 30.0  # for a worker that is to end, before it is killed
_GLANCE_S: Final = 0.5

_log = logging.getLogger("gekko_lab")
_decoder = msgspec.json.Decoder(list[Status])


class Workers:
    """Records in so many processes.

    Parameters
    ----------
    shares
        What each process records.
    persistence
        How often one that died is begun again.
    """

    def __init__(self, shares: Sequence[Sequence[Spec]], persistence: Persistence) -> None:
        settings = {name: getattr(options, name) for name in _TRAVELLING}
        for specs in shares:
            _check_travels(specs)
        self._workers = [
            _Worker(number, specs, persistence, settings) for number, specs in enumerate(shares, 1)
        ]

    def start(self) -> None:
        """Begin, and come back at once."""
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """Say that all are to end; `wait` for it."""
        for worker in self._workers:
            worker.stop()

    def wait(self, timeout: float | None = None) -> bool:
        """Tell whether all have ended, after so many seconds at most."""
        end = None if timeout is None else time.monotonic() + timeout
        return all(worker.wait(end) for worker in self._workers)

    def statuses(self) -> list[Status]:
        """Give how each market is doing."""
        return [status for worker in self._workers for status in worker.statuses()]


def _check_travels(specs: Sequence[Spec]) -> None:
    """Raise where another process could not make what is to be recorded."""
    for spec in specs:
        home = type(spec.exchange).__module__
        try:
            pickle.dumps(spec)
        except Exception as error:
            raise InvalidType(
                f"exchange={spec.exchange!r} can't be sent to other processes ({error}): record it "
                "with n_jobs=1"
            ) from error
        if home == "__main__":
            raise InvalidType(
                f"exchange={spec.exchange!r} is of a class that other processes can't import: put "
                f"{type(spec.exchange).__name__} into a module, or record with n_jobs=1"
            )


class _Worker:
    """One share, and the process that records it just now."""

    def __init__(
        self,
        number: int,
        specs: Sequence[Spec],
        persistence: Persistence,
        settings: dict[str, Any],
    ) -> None:
        self._number, self._specs = number, specs
        self._persistence, self._settings = persistence, settings
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._told = [
            Status(spec.named, symbol, "starting", worker=number)
            for spec in specs
            for symbol in spec.symbols
        ]
        self._before = list(self._told)
        self._restarts = 0
        self._last_words: deque[str] = deque(maxlen=20)
        self._thread = threading.Thread(
            target=self._keep_on, name=f"gekko-lab-recorder-{number}", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._lock:
            self._stopping.set()
            self._say_stop()

    def _say_stop(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):  # it has ended already
                self._process.stdin.write(STOP)
                self._process.stdin.flush()
            deadline = threading.Timer(_PATIENCE_S, self._process.kill)
            deadline.daemon = True
            deadline.start()

    def wait(self, end: float | None) -> bool:
        while self._thread.is_alive():
            left = _GLANCE_S if end is None else min(_GLANCE_S, end - time.monotonic())
            if left <= 0:
                return False
            self._thread.join(left)
        return True

    def statuses(self) -> list[Status]:
        with self._lock:
            return [
                msgspec.structs.replace(
                    now,
                    worker=self._number,
                    events=before.events + now.events,
                    rows=before.rows + now.rows,
                    gaps=before.gaps + now.gaps,
                    last_us=max(before.last_us, now.last_us),
                    restarts=now.restarts + before.restarts,
                    error=now.error or before.error,
                )
                for before, now in zip(self._before, self._told, strict=True)
            ]

    def _keep_on(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            try:
                code = self._run()
            except OSError as error:  # no process could be begun
                self._last_words.append(str(error))
                code = 1
            if code is None or self._stopping.is_set():
                self._end("stopped" if self._stopping.is_set() else None)
                return
            lasted = time.monotonic() - began
            failures = 1 if lasted > self._persistence.healthy_s else failures + 1
            self._note(code)
            if failures > self._persistence.most:
                self._end("failed")
                return
            self._end("waiting")
            if self._stopping.wait(self._persistence.wait_s(failures)):
                self._end("stopped")
                return

    def _run(self) -> int | None:
        """Give how a process ended; None where it had nothing more to do."""
        with self._lock:
            if self._stopping.is_set():
                return None
            process = self._begin()
        words = threading.Thread(target=self._hear_words, args=(process.stderr,), daemon=True)
        words.start()
        self._send(process)
        for line in process.stdout or ():
            with contextlib.suppress(msgspec.DecodeError):  # cut off by its death
                statuses = _decoder.decode(line)
                with self._lock:
                    self._told = statuses
        code = process.wait()
        words.join(_GLANCE_S)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with self._lock:
            self._process = None
            over = code == 0 and all(status.state in OVER for status in self._told)
        return None if over else code

    def _begin(self) -> subprocess.Popen[bytes]:
        """Begin a process that Ctrl-C in the terminal doesn't reach: we tell it to stop."""
        apart: dict[str, Any] = {"start_new_session": True}
        if os.name == "nt":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined,unused-ignore]
        return subprocess.Popen(
            [sys.executable, "-m", "gekko_lab.feeds.record_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            **apart,
        )

    def _send(self, process: subprocess.Popen[bytes]) -> None:
        order = Order(self._specs, self._persistence, self._settings, resume=bool(self._restarts))
        content = pickle.dumps(order)
        with contextlib.suppress(OSError):  # it has died already, which is noticed
            if process.stdin is not None:
                process.stdin.write(len(content).to_bytes(LENGTH, "big") + content)
                process.stdin.flush()
        with self._lock:
            self._process = process
            if self._stopping.is_set():
                self._say_stop()

    def _hear_words(self, words: IO[bytes] | None) -> None:
        for line in words or ():
            text = line.decode(errors="replace").rstrip()
            if text:
                self._last_words.append(text)
                _log.info("recorder %d: %s", self._number, text)

    def _note(self, code: int) -> None:
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        words = self._last_words[-1] if self._last_words else ""
        told = f"the process died ({ended})" + (f": {words}" if words else "")
        self._last_words.clear()
        symbols = ", ".join(status.symbol for status in self._told)
        _log.warning("recorder %d of %s: %s", self._number, symbols, told)
        with self._lock:
            self._restarts += 1
        before = self.statuses()
        with self._lock:
            self._before = [
                msgspec.structs.replace(each, restarts=each.restarts + 1, error=told)
                for each in before
            ]
            self._told = [
                Status(each.exchange, each.symbol, "waiting", worker=self._number)
                for each in before
            ]

    def _end(self, state: Any) -> None:  # noqa: ANN401 (a state, or None for as it is)
        with self._lock:
            for status in self._told:
                if state is not None and status.state not in OVER:
                    status.state = state
                if state != "waiting":
                    status.events_per_second = 0.0
