"""A real Kubernetes API server for tests: kube-apiserver over etcd, on loopback, without a node.

It validates, admits and stores as a cluster does; nothing that it stores is run. The setting
`TEST_KUBE_APISERVER` names the binary (docs/kubernetes.md says how to build one); etcd and
kubectl are found on the path.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dsfc_testing import ports
from dsfc_testing.kafka_broker import WATCH

SETTING = "TEST_KUBE_APISERVER"
START_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 60.0
TOKEN = "of-tests-only"  # noqa: S105  of a server on loopback that ends with its test


class NoApiServer(Exception):
    """No API server can be had on this machine; says why."""


@dataclass(frozen=True, slots=True)
class ApiServer:
    port: int
    kubectl: str

    def run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator."""
        return subprocess.run(  # noqa: S603  our own command line
            [
                self.kubectl,
                f"--server=https://127.0.0.1:{self.port}",
                "--insecure-skip-tls-verify",
                f"--token={TOKEN}",
                *arguments,
            ],
            input=given,
            check=False,
            capture_output=True,
            text=True,
            timeout=START_SECONDS_MAX,
        )


@contextmanager
def api_server(directory: Path) -> Iterator[ApiServer]:
    """Yield an empty cluster's API server. Raise NoApiServer."""
    binary = os.environ.get(SETTING)
    if not binary:
        raise NoApiServer(f"{SETTING} names no kube-apiserver")
    etcd, kubectl = shutil.which("etcd"), shutil.which("kubectl")
    if not (Path(binary).is_file() and etcd and kubectl):
        raise NoApiServer(f"{SETTING} ({binary}), etcd or kubectl is not there")
    directory.mkdir(parents=True)
    key = _signing_key(directory)
    (directory / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
    with ExitStack() as stack:
        client, peer, port = stack.enter_context(ports.held(3))
        _start(
            stack,
            directory / "etcd.log",
            [
                *(etcd, "--data-dir", str(directory / "etcd"), "--unsafe-no-fsync"),
                *("--listen-client-urls", f"http://127.0.0.1:{client}"),
                *("--advertise-client-urls", f"http://127.0.0.1:{client}"),
                *("--listen-peer-urls", f"http://127.0.0.1:{peer}"),
                *("--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}"),
                *("--initial-cluster", f"default=http://127.0.0.1:{peer}"),
            ],
        )
        process = _start(
            stack,
            directory / "apiserver.log",
            [
                binary,
                f"--etcd-servers=http://127.0.0.1:{client}",
                f"--cert-dir={directory / 'certs'}",
                f"--secure-port={port}",
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--endpoint-reconciler-type=none",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={key}.pub",
                f"--service-account-signing-key-file={key}",
                "--authorization-mode=RBAC",
                f"--token-auth-file={directory / 'tokens.csv'}",
                "--disable-admission-plugins=ServiceAccount",  # no controller makes accounts here
            ],
        )
        server = ApiServer(port, kubectl)
        _await(server, process)
        yield server


def _start(stack: ExitStack, log: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
    output = stack.enter_context(log.open("wb"))
    process = subprocess.Popen(  # noqa: S603  our own command line
        [sys.executable, "-c", WATCH, *command],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )

    def end() -> None:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(STOP_SECONDS_MAX)

    stack.callback(end)
    return process


def _await(server: ApiServer, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while server.run("get", "--raw", "/readyz").stdout != "ok":
        if process.poll() is not None or time.monotonic() > until:
            raise NoApiServer("kube-apiserver did not become ready")
        time.sleep(0.2)


def _signing_key(directory: Path) -> Path:
    """Make the key of service accounts, which the server does not start without."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    path = directory / "accounts.key"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    path.with_name("accounts.key.pub").write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return path
