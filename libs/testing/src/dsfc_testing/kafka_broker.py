"""A real Apache Kafka broker, for tests and for `dsfc demo --events kafka`.

In this order: `TEST_KAFKA_BOOTSTRAP`; a container, where a Docker engine and the image are
there; Apache Kafka's own jars from Maven, kept in ~/.cache/dsfc (design.md section 9).
"""

import base64
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from common.messaging.kafka import is_reachable
from dsfc_testing import ports

if TYPE_CHECKING:
    from testcontainers.community.kafka import KafkaContainer

VERSION = "4.3.0"
IMAGE = "confluentinc/cp-kafka:7.6.0"  # what testcontainers starts
ENGINE = Path("/var/run/docker.sock")
CACHE = Path.home() / ".cache" / "dsfc"
START_SECONDS_MAX = 120.0
DOWNLOAD_SECONDS_MAX = 600.0
STOP_SECONDS_MAX = 20.0

POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example.dsfc</groupId>
  <artifactId>kafka-jars</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""

JAVA_OPTIONS = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

# One node that is broker and controller; group.initial.rebalance.delay so that nobody waits.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=4
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


# Ends the broker when our end of the pipe closes, also because we were killed.
WATCH = f"""\
import select, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
while child.poll() is None:
    if select.select([sys.stdin], [], [], 0.2)[0]:
        child.terminate()
        try:
            child.wait({STOP_SECONDS_MAX})
        except subprocess.TimeoutExpired:
            child.kill()
sys.exit(child.wait())
"""


class NoBroker(Exception):
    """No Kafka can be had on this machine; says why."""


@dataclass(frozen=True, slots=True)
class Broker:
    bootstrap: str
    stop: Callable[[], None]


def start_broker(directory: Path, *, port: int | None = None, more: str = "") -> Broker:
    """Start Apache Kafka from its jars, with its files in `directory`. Raises NoBroker.

    A directory of an earlier broker keeps its topics; `more` are properties that take the place of
    ours, with the names of ports that ours have. The caller calls `stop()`; where the
    caller is killed, the broker goes with it.
    """
    java = shutil.which("java")
    if java is None:
        raise NoBroker("there is no java")
    run = [java, *JAVA_OPTIONS, "-cp", f"{_cached('lib', _fetch)}/*"]
    formatted = _cached("formatted", lambda folder: _format(folder, run))
    directory.mkdir(parents=True, exist_ok=True)
    held = ExitStack()
    broker, controller = held.enter_context(ports.held(2))
    broker = port or broker
    properties = directory / "server.properties"
    data = directory / "data"
    properties.write_text(
        (PROPERTIES + more).format(broker=broker, controller=controller, data=data),
        encoding="utf-8",
    )
    if not (data / "meta.properties").exists():
        shutil.copytree(formatted, data, dirs_exist_ok=True)
    with (directory / "server.log").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  our own command line
            [sys.executable, "-c", WATCH, *run, "kafka.Kafka", str(properties)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            start_new_session=True,  # Ctrl-C is for whoever started it, who then stops it
        )
    bootstrap = f"127.0.0.1:{broker}"
    try:
        _await(bootstrap, process, directory / "server.log")
    except BaseException:
        held.close()
        _stop(process)
        raise

    def stop() -> None:
        with held:
            _stop(process)

    return Broker(bootstrap, stop)


@contextmanager
def broker(directory: Path) -> Iterator[str]:
    """Yield the bootstrap address of a broker, by the order above. Raise NoBroker."""
    if given := os.environ.get("TEST_KAFKA_BOOTSTRAP"):
        yield given
        return
    if (container := _container()) is not None:
        try:
            yield container.get_bootstrap_server()
        finally:
            container.stop()
        return
    started = start_broker(directory)
    try:
        yield started.bootstrap
    finally:
        started.stop()


def _cached(name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that is made once a machine, by whoever comes first."""
    folder = CACHE / f"kafka-{VERSION}" / name
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            partial = folder.with_name(f"{name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            make(partial)
            partial.rename(folder)
    return folder


def _fetch(lib: Path) -> None:
    """Kafka's jars, by Maven."""
    maven = shutil.which("mvn")
    if maven is None:
        raise NoBroker("there is no mvn to fetch Apache Kafka with")
    pom = lib.with_name("pom.xml")
    pom.write_text(POM, encoding="utf-8")
    copy = ["dependency:copy-dependencies", f"-DoutputDirectory={lib}"]
    _output([maven, "-q", "-B", "-f", str(pom), *copy], timeout=DOWNLOAD_SECONDS_MAX)


def _format(data: Path, run: Sequence[str]) -> None:
    """Return an empty log, to be copied for each broker: formatting takes a JVM of its own."""
    properties = data.with_name("format.properties")
    properties.write_text(PROPERTIES.format(broker=1, controller=2, data=data), encoding="utf-8")
    _output([*run, "kafka.tools.StorageTool", "format", "-t", _uuid(), "-c", str(properties)])


def _output(command: Sequence[str], *, timeout: float = START_SECONDS_MAX) -> str:
    try:
        done = subprocess.run(  # noqa: S603  our own command line
            command, capture_output=True, text=True, timeout=timeout, check=True
        )
    except (OSError, subprocess.SubprocessError) as failure:
        said = str(getattr(failure, "stderr", "") or failure).strip().splitlines()[-3:]
        raise NoBroker(f"{Path(command[0]).name} failed: {' / '.join(said)}") from failure
    return done.stdout


def _await(bootstrap: str, process: subprocess.Popen[bytes], output: Path) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while not is_reachable(bootstrap):
        if process.poll() is not None:
            last = output.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
            raise NoBroker(f"Kafka ended with {process.returncode}: {' / '.join(last)}")
        if time.monotonic() > until:
            raise NoBroker("Kafka did not answer in time")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    process.wait(STOP_SECONDS_MAX + 5)


def _uuid() -> str:
    """Return a cluster's id, as Kafka writes it; one with a leading hyphen would be an option."""
    text = base64.urlsafe_b64encode(uuid4().bytes).decode("ascii").rstrip("=")
    return _uuid() if text.startswith("-") else text


def _container() -> "KafkaContainer | None":
    """Start a broker in a container; None where there is no engine or no image, or it fails.

    Nothing is pulled: where the image of testcontainers' reaper is not there, it goes without.
    """
    if "DOCKER_HOST" not in os.environ and not ENGINE.exists():
        return None
    container = None
    try:
        import docker  # type: ignore[import-untyped]  # it comes without types
        from testcontainers.community.kafka import KafkaContainer
        from testcontainers.core.config import testcontainers_config

        images = docker.from_env().images
        images.get(IMAGE)
        if not images.list(testcontainers_config.ryuk_image):
            testcontainers_config.ryuk_disabled = True
        container = KafkaContainer(IMAGE).with_kraft()
        return container.start()
    except Exception:  # noqa: BLE001  the engine's client raises whatever its transport does
        if container is not None:
            container.stop()
        return None
