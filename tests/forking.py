"""Service processes that start at once: forked from one that has imported the service already.

Importing a service takes two seconds of a processor, and these tests start some sixty processes.
What is forked has neither threads nor connections yet; from there on it is the process that
`python -m <service>.cli serve --all` is, with its own environment, log and death.
"""

import atexit
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import yaml

from dsfc_cli.house.suite import READY_SECONDS_MAX, Suite, is_ready
from dsfc_testing import ports

LINUX_CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1

ZYGOTE = """
import gc, importlib, json, os, sys
import alembic.command, catalogue, uvloop
from dsfc_testing import apps, disk
from tests.forking import add_data_sets, move_clock, respect_modes
cli = importlib.import_module(sys.argv[1] + ".cli")
service = importlib.import_module(sys.argv[1] + ".main").SERVICE
catalogue.load()  # half a second, which every process would spend
apps.share()
for make in service.apps.values():  # as much again, at the first request of every process
    make(service.settings(environment="development")).openapi()
gc.freeze()
for line in sys.stdin:
    told = json.loads(line)
    if "pid" in told:
        pid, status = os.waitpid(told["pid"], os.WNOHANG)
        print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), flush=True)
        continue
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        continue
    code = 1
    try:
        os.environ.clear()
        os.environ.update(told["environment"])
        disk.spare()
        respect_modes()
        if told["clock"]:
            move_clock(told["clock"])
        if told["data_sets"]:
            add_data_sets(told["data_sets"])
        os.chdir(told["directory"])
        log = os.open(told["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0), os.dup2(log, 1), os.dup2(log, 2)
        cli.app(told["command"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        import traceback
        traceback.print_exc()
    finally:
        os._exit(code)
"""


def move_clock(file: str) -> None:
    """Let this process' system clock be ahead by the seconds that the file says, read each time.

    Leases are timed by another clock, which nobody can set and this does not touch.
    """
    from common.clock import SystemClock

    def now(_self: SystemClock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(Path(file).read_text("ascii")))

    SystemClock.now = now  # type: ignore[method-assign]  # for good: the process is a test's


def add_data_sets(folder: str) -> None:
    """Let this process know the data sets of a folder besides, and what is counted of them."""
    import catalogue
    from catalogue import store

    rules = sys.modules["catalogue.tabulating"]
    read, load = rules.versions_of, catalogue.load
    counted = Path(folder) / "tables" / "measures.yaml"
    told = yaml.safe_load(counted.read_text("utf-8")) if counted.exists() else []
    more = tuple(catalogue.CountOf.model_validate(one) for one in told)

    def versions_of(model: Any, name: str) -> list[Any]:
        found = read(model, name)
        return [one.model_copy(update={"measures": one.measures + more}) for one in found]

    rules.versions_of = versions_of  # type: ignore[attr-defined]  # for good: it is a test's
    catalogue.tabulating.cache_clear()
    catalogue.load = store.load = lambda extra=None: load(extra or Path(folder))


def respect_modes() -> None:
    """Let a mode that forbids writing count for this process, also where it is run by root."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    held = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, held) == 0
    for effective_or_permitted in (0, 1):
        held[effective_or_permitted] &= ~(1 << CAP_DAC_OVERRIDE)
    assert libc.capset(header, held) == 0


@dataclass(slots=True)
class Zygote:
    """A process that has imported one service, and forks."""

    service: str
    process: subprocess.Popen[str] = field(init=False)
    lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", ZYGOTE, self.service],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, **told: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self.lock:
            self.process.stdin.write(json.dumps(told) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@dataclass(slots=True)
class Forked:
    """As much of `subprocess.Popen` as a suite uses."""

    zygote: Zygote
    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self.zygote.tell(pid=self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.zygote.service, timeout or 0)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


_zygotes: dict[str, Zygote] = {}
"""One a service, for all suites of this test process."""


@atexit.register
def _close() -> None:
    for zygote in _zygotes.values():
        zygote.close()


@dataclass(slots=True)
class ForkingSuite(Suite):
    """A suite whose processes are forked."""

    clock_file: Path | None = None
    """By how many seconds the services' clock is ahead; see `move_clock`."""
    data_sets: Path | None = None
    """Of data sets that they know besides; see `add_data_sets`."""

    def run(self, service: str, *command: str) -> tuple[int, str]:
        """Let a service's own command run to its end; its exit status, and all it said."""
        path = self.directory / f"{service}-{command[0]}.out"
        with path.open("wb") as output:
            code = self._spawn(service, output, {}, command=command).wait(READY_SECONDS_MAX)
        return code, path.read_text("utf-8")

    @contextmanager
    def replica(self, service: str) -> Iterator[str]:
        """Another process of a service, on the same state; yields where it is."""
        with ports.held() as (port,), self.log_file(service).open("ab") as log:
            yield from self._replica(service, log, port)

    def _replica(self, service: str, log: IO[bytes], port: int) -> Iterator[str]:
        url = f"http://127.0.0.1:{port}"
        process = self._spawn(service, log, {"PORT": str(port)})
        try:
            end = time.monotonic() + READY_SECONDS_MAX
            while not is_ready(url):
                assert process.poll() is None, "the replica did not start"
                assert time.monotonic() < end
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()
            process.wait()

    def _spawn(
        self,
        service: str,
        log: IO[bytes],
        settings: Mapping[str, str],
        *,
        command: Sequence[str] = ("serve", "--all"),
    ) -> Any:
        if service not in _zygotes:
            _zygotes[service] = Zygote(service)
        zygote = _zygotes[service]
        pid = zygote.tell(
            command=list(command),
            environment=self.environment_of(service, settings),
            directory=str(self.directory.absolute()),
            log=str(Path(log.name).absolute()),
            clock=None if self.clock_file is None else str(self.clock_file),
            data_sets=None if self.data_sets is None else str(self.data_sets),
        )
        return Forked(zygote, pid)

    def environment_of(self, service: str, settings: Mapping[str, str]) -> dict[str, str]:
        told = {**self._settings_of(service), **self.settings.get(service, {}), **settings}
        prefix = service.upper()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(f"{prefix}_")}
        return inherited | {f"{prefix}_{name}": value for name, value in told.items()}
