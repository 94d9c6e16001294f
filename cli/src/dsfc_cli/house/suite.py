"""The whole suite on one machine: an issuer, four services as four processes, their state.

Used by `dsfc up`, the demo and the end-to-end tests. Everything it starts, it stops.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

import httpx
import uvicorn

from common import files, http
from common.clock import SystemClock
from common.security import keys
from dsfc_cli.house.identities import Identities
from dsfc_client import Dsfc, Profile
from dsfc_testing import ports
from dsfc_testing.issuer import create_issuer_app
from dsfc_testing.postgresql import Server

SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")
OFFSETS: Mapping[str, int] = {
    "issuer": 0,
    "applications": 1,
    "agreements": 2,
    "pseudonymisation": 3,
    "dissemination": 4,
    "preparations": 13,
}
READY_SECONDS_MAX, STOP_SECONDS_MAX = 120.0, 30.0
READY_ANSWER_SECONDS_MAX = 2.0
STORES = ("objects/landing", "objects/release", "haven-keys", "haven-key-backups")
"""A service does not make its stores: one that is away must not be taken for an empty one."""


class DidNotStart(RuntimeError):
    """A service did not come up; its last log lines are in the message."""


@dataclass(slots=True)
class Suite:
    """Running services. A context manager: entered, they are up; left, they are gone."""

    directory: Path
    base_port: int | None = None
    """The issuer's port, the others after it; free ones where None."""
    server: Server | None = None
    """A PostgreSQL server, on which each service gets a database; SQLite files where None."""
    kafka_bootstrap: Sequence[str] = ()
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Further settings a service: {"agreements": {"LEASE_SECONDS": "1"}}."""
    services: Sequence[str] = SERVICES
    urls: dict[str, str] = field(init=False, default_factory=dict)
    identities: Identities = field(init=False)
    _stack: ExitStack = field(init=False, default_factory=ExitStack)
    _clients: dict[tuple[object, ...], Dsfc] = field(init=False, default_factory=dict)
    _processes: dict[str, subprocess.Popen[bytes]] = field(init=False, default_factory=dict)
    _databases: dict[str, str] = field(init=False, default_factory=dict)
    _ports: dict[str, int] = field(init=False, default_factory=dict)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def client(self, client_id: str, role: str | None = None) -> Dsfc:
        """Return the client of a development identity: one, which keeps connections and tokens.

        Closed with the suite.
        """
        return self._kept((client_id, role))

    def public(self) -> Dsfc:
        """Return the client of nobody: the public routes. Closed with the suite."""
        return self._kept(None)

    def _kept(self, identity: tuple[str, str | None] | None) -> Dsfc:
        known = (identity, *self.urls.items())  # a test may move a service
        if known not in self._clients:
            credentials = identity and self.identities.credentials(*identity)
            made = Dsfc(credentials=credentials, urls=self.urls)
            self._clients[known] = self._stack.enter_context(made)
        return self._clients[known]

    def write_profile(self) -> Path:
        """Write where all of it is, and as whom to ask; return the file."""
        token_url = f"{self.urls['issuer']}/oauth2/token"
        profile = Profile(
            issuer=self.urls["issuer"],
            token_url=token_url,
            assertion_audience=token_url,
            services={service: self.urls[service] for service in SERVICES},
            clients=self.identities.clients(self.directory),
        )
        path = self.directory / "profile.json"
        profile.write(path)
        return path

    @property
    def authority(self) -> Path | None:
        """Nobody: the services of a try on one machine speak plain HTTP."""
        return None

    def database_url(self, service: str) -> str:
        """Return where the state of a service is."""
        if service not in self._databases:
            self._databases[service] = (
                self.server.create()
                if self.server is not None
                else f"sqlite:///{self.directory.absolute() / f'{service}.db'}"
            )
        return self._databases[service]

    def copy_database(self, service: str) -> str:
        """Return a copy on the same PostgreSQL server, taken while the service is stopped."""
        assert self.server is not None
        self.stop_service(service)
        copied = self.server.create(template=self.database_url(service))
        self.start_service(service)
        self.wait_ready([service])
        return copied

    def log_file(self, service: str) -> Path:
        return self.directory / "logs" / f"{service}.log"

    def start_service(self, service: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start one process; `settings` go over all others (`KILL_AT="K1"`)."""
        files.directory(self.log_file(service).parent)
        with files.append_to(self.log_file(service)) as log:
            process = self._spawn(service, log, settings)
        self._processes[service] = process
        return process

    def stop_service(self, service: str, *, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait until the process is gone, return its exit status."""
        process = self._processes.pop(service)
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def process(self, service: str) -> subprocess.Popen[bytes]:
        return self._processes[service]

    def wait_ready(self, services: Sequence[str] | None = None) -> None:
        """Until each answers /readyz. Raises DidNotStart."""
        until = time.monotonic() + READY_SECONDS_MAX
        for service in services or self.services:
            while not self._is_ready(service):
                process = self._processes[service]
                if process.poll() is not None:
                    raise DidNotStart(f"{service} ended.\n{self._last_lines(service)}")
                if time.monotonic() > until:
                    raise DidNotStart(
                        f"{service} did not answer within {READY_SECONDS_MAX:.0f} seconds. Where"
                        f" the machine is busy, start it again.\n{self._last_lines(service)}"
                    )
                time.sleep(0.05)

    def stop(self) -> None:
        """End every process that was started, and the issuer."""
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        for service in list(self._processes):
            self.stop_service(service)
        self._stack.close()

    def _start(self) -> None:
        files.directory(self.directory)
        files.tighten(self.directory)
        self._lock()
        self.identities = Identities.create(self.directory / "identities")
        for store in STORES:
            files.directory(self.directory / store)
        self._ports = self._choose_ports()
        self.urls |= {name: f"http://127.0.0.1:{port}" for name, port in self._ports.items()}
        self._start_issuer()
        if self.server is not None:
            self._migrate()  # SQLite files migrate themselves
        for service in self.services:
            self.start_service(service)
        self.wait_ready()

    def _lock(self) -> None:
        """Have the directory alone: two suites would be one another's workers and keys."""
        file = self._stack.enter_context(files.append_to(self.directory / "suite.lock"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DidNotStart(f"{self.directory} is in use by a suite that is running.") from None

    def _choose_ports(self) -> dict[str, int]:
        if self.base_port is not None:
            return {name: self.base_port + offset for name, offset in OFFSETS.items()}
        found = self._stack.enter_context(ports.held(len(OFFSETS)))
        return dict(zip(OFFSETS, found, strict=True))

    def _start_issuer(self) -> None:
        signer = keys.load_or_generate(self.directory / "keys" / "issuer.jwk")
        url = self.urls["issuer"]
        app = create_issuer_app(self.identities.known, signer, SystemClock(), url)
        port = self._ports["issuer"]
        # Left to itself it would configure the loggers of the whole process.
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, name="issuer", daemon=True)
        thread.start()

        def finish() -> None:
            server.should_exit = True
            thread.join(STOP_SECONDS_MAX)

        self._stack.callback(finish)
        until = time.monotonic() + READY_SECONDS_MAX
        while not server.started:
            if not thread.is_alive() or time.monotonic() > until:
                raise DidNotStart(f"The issuer is not up; is port {port} taken?")
            time.sleep(0.01)

    def _migrate(self) -> None:
        """Do what a deployment's migration Job does, for all services side by side."""
        running = {}
        for service in self.services:
            files.directory(self.log_file(service).parent)
            with files.append_to(self.log_file(service)) as log:
                running[service] = self._spawn(service, log, {}, command=["migrate"])
        for service, process in running.items():
            if process.wait(READY_SECONDS_MAX) != 0:
                raise DidNotStart(f"{service} did not migrate.\n{self._last_lines(service)}")

    def _spawn(
        self,
        service: str,
        log: IO[bytes],
        settings: Mapping[str, str],
        *,
        command: Sequence[str] = ("serve", "--all"),
    ) -> subprocess.Popen[bytes]:
        prefix = service.upper()
        told = {**self._settings_of(service), **self.settings.get(service, {}), **settings}
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(tuple(f"{s.upper()}_" for s in SERVICES))
        }
        environment = inherited | {f"{prefix}_{name}": value for name, value in told.items()}
        return subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
            [sys.executable, "-m", f"{service}.cli", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self.directory,
            umask=files.OTHERS,
        )

    def _settings_of(self, service: str) -> dict[str, str]:
        root = self.directory.absolute()
        keys.load_or_generate(root / "keys" / f"{service}.jwk")
        common = {
            "ENVIRONMENT": "development",
            "HOST": "127.0.0.1",
            "PORT": str(self._ports[service]),
            "DATABASE_URL": self.database_url(service),
            "KAFKA_BOOTSTRAP": json.dumps(list(self.kafka_bootstrap)),
            "EVENT_LOG": str(root / "events.db"),
            "ISSUER": self.urls["issuer"],
            "JWKS_URL": f"{self.urls['issuer']}/jwks.json",
            "TOKEN_URL": f"{self.urls['issuer']}/oauth2/token",
            "CLIENT_ID": service,
            "CLIENT_KEY_FILE": str(self.identities.key_file(service).absolute()),
            "SIGNING_KEY_FILE": str(root / "keys" / f"{service}.jwk"),
            "CHECKPOINT_DIR": str(root / "checkpoints"),
            "SERVICE_URLS": json.dumps(self.urls),
        }
        return common | self._own_settings(service, root)

    def _own_settings(self, service: str, root: Path) -> dict[str, str]:
        match service:
            case "pseudonymisation":
                return {
                    "PREPARATIONS_PORT": str(self._ports["preparations"]),
                    "LANDING_STORE": str(root / "objects" / "landing"),
                    "RELEASE_STORE": str(root / "objects" / "release"),
                    "KEY_STORE": str(root / "haven-keys"),
                    "KEY_ENCRYPTION_KEY_FILE": str(root / "keys" / "haven.kek"),
                    "KEY_BACKUP_DIR": str(root / "haven-key-backups"),
                }
            case "dissemination":
                return {"RELEASE_STORE": str(root / "objects" / "release")}
            case _:
                return {}

    def _is_ready(self, service: str) -> bool:
        return is_ready(self.urls[service])

    def _last_lines(self, service: str) -> str:
        lines = self.log_file(service).read_text("utf-8", errors="replace").splitlines()
        return "\n".join(lines[-25:])


def is_ready(url: str) -> bool:
    """Ask whether a service takes requests."""
    with http.client(url, timeout_seconds=READY_ANSWER_SECONDS_MAX) as service:
        try:
            return service.get("/readyz").is_success
        except httpx.TransportError:
            return False
