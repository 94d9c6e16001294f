"""A real S3 server for tests: versitygw over a directory (design.md section 9).

Built once a machine by `go install`, and kept in ~/.cache/dsfc.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dsfc_testing import ports
from dsfc_testing.kafka_broker import WATCH

VERSION = "v1.8.0"
MODULE = f"github.com/versity/versitygw/cmd/versitygw@{VERSION}"
CACHE = Path.home() / ".cache" / "dsfc" / f"versitygw-{VERSION}"
BUILD_SECONDS_MAX = 900.0
START_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 25.0
CREDENTIAL = "of-tests-only"


class NoGateway(Exception):
    """No S3 server can be had on this machine; says why."""


@dataclass(frozen=True, slots=True)
class Gateway:
    endpoint: str
    directory: Path
    """Buckets are the folders in it."""

    @property
    def environment(self) -> dict[str, str]:
        """What a client of it finds in its environment, as in production."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": CREDENTIAL,
            "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
        }


@contextmanager
def gateway(directory: Path) -> Iterator[Gateway]:
    """Yield an S3 server whose buckets are the folders of `directory`. Raise NoGateway."""
    program = _built()
    directory.mkdir(parents=True, exist_ok=True)
    with (
        ports.held() as (port,),
        (directory.parent / f"{directory.name}.log").open("wb") as output,
    ):
        yield from _served(program, directory, port, output)


def _served(program: Path, directory: Path, port: int, output: IO[bytes]) -> Iterator[Gateway]:
    process = subprocess.Popen(  # noqa: S603  our own command line
        [
            *(sys.executable, "-c", WATCH),
            *(str(program), "--port", f"127.0.0.1:{port}", "posix", str(directory)),
        ],
        env=os.environ | {"ROOT_ACCESS_KEY": CREDENTIAL, "ROOT_SECRET_KEY": CREDENTIAL},
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        _await(port, process)
        yield Gateway(f"http://127.0.0.1:{port}", directory)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(STOP_SECONDS_MAX)


def _built() -> Path:
    """Return the program, made by whoever comes first."""
    program = CACHE / "versitygw"
    if program.is_file():
        return program
    go = shutil.which("go")
    if go is None:
        raise NoGateway("there is no go to build versitygw with")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.is_file():
            partial = CACHE / "partial"
            try:
                subprocess.run(  # noqa: S603  our own command line
                    [go, "install", MODULE],
                    env=os.environ | {"GOBIN": str(partial), "GOFLAGS": ""},
                    cwd=CACHE,
                    capture_output=True,
                    text=True,
                    timeout=BUILD_SECONDS_MAX,
                    check=True,
                )
            except (OSError, subprocess.SubprocessError) as failure:
                said = str(getattr(failure, "stderr", "") or failure).strip().splitlines()[-3:]
                raise NoGateway(f"go install failed: {' / '.join(said)}") from failure
            (partial / "versitygw").rename(program)
    return program


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise NoGateway("versitygw did not answer") from None
            time.sleep(0.02)
        else:
            return
