"""The overlays on a real API server: applied under strict validation, admitted, upgraded."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dsfc_testing import kube_apiserver
from dsfc_testing.kube_apiserver import ApiServer, NoApiServer
from tests.architecture.test_deployment import OVERLAYS, SERVICES, tool

DEPLOY = OVERLAYS.parent
NAMES = sorted(path.name for path in OVERLAYS.iterdir())

pytestmark = [pytest.mark.xdist_group("cluster"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=NAMES)
def overlay(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def cluster(overlay: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An empty cluster for each overlay; nothing in it runs what it stores."""
    try:
        with kube_apiserver.api_server(tmp_path_factory.mktemp("cluster") / "server") as server:
            yield server
    except NoApiServer as reason:
        pytest.skip(f"NO KUBERNETES API SERVER: {reason}")


def rendered(folder: Path) -> str:
    command = [tool("kustomize"), "build", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def documents(text: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(text) if one]


def apply(server: ApiServer, text: str) -> str:
    done = server.run("apply", "--validate=strict", "-f", "-", given=text)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(cluster: ApiServer, overlay: str) -> str:
    text = rendered(OVERLAYS / overlay)
    apply(cluster, text)
    return text


def test_it_is_installed_under_strict_validation_and_again_changes_nothing(
    cluster: ApiServer, installed: str
) -> None:
    listed = cluster.run("get", "-f", "-", "-o", "name", given=installed).stdout.splitlines()
    again = cluster.run("diff", "-f", "-", given=installed)

    assert len(listed) == len(documents(installed))
    assert (again.returncode, again.stdout) == (0, "")


def test_what_the_schema_does_not_know_is_refused(cluster: ApiServer, installed: str) -> None:
    wrong = installed.replace("readOnlyRootFilesystem:", "readOnlyRootFileSystem:")

    done = cluster.run("apply", "--validate=strict", "--dry-run=server", "-f", "-", given=wrong)

    assert done.returncode != 0
    assert "unknown field" in done.stderr


def pods(text: str) -> Iterator[dict[str, Any]]:
    """Give each pod that the workloads would be made of."""
    for one in documents(text):
        if one["kind"] in ("Deployment", "Job"):
            template = one["spec"]["template"]
            metadata = template["metadata"] | {
                "name": one["metadata"]["name"],
                "namespace": one["metadata"]["namespace"],
            }
            yield {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": metadata,
                "spec": template["spec"],
            }


def test_every_pod_is_admitted_where_pod_security_is_restricted(
    cluster: ApiServer, installed: str
) -> None:
    every = list(pods(installed))
    assert len(every) == 3 * len(SERVICES)

    done = cluster.run("create", "--dry-run=server", "-f", "-", given=yaml.safe_dump_all(every))

    assert done.returncode == 0, done.stderr
    assert "would violate" not in done.stderr
    assert len(done.stdout.splitlines()) == len(every)


@pytest.mark.parametrize(
    ("name", "value"),
    [("runAsNonRoot", False), ("runAsUser", 0), ("seccompProfile", {"type": "Unconfined"})],
)
def test_a_pod_with_more_rights_is_refused(
    cluster: ApiServer, installed: str, name: str, value: Any
) -> None:
    pod = next(pods(installed))
    pod["spec"]["securityContext"][name] = value

    done = cluster.run("create", "--dry-run=server", "-f", "-", given=json.dumps(pod))

    assert done.returncode != 0
    assert 'violates PodSecurity "restricted' in done.stderr


def test_it_is_upgraded_by_migration_jobs_of_the_new_release(
    cluster: ApiServer, installed: str, overlay: str, tmp_path: Path
) -> None:
    shutil.copytree(DEPLOY, tmp_path / "k8s")
    folder = tmp_path / "k8s" / "overlays" / overlay
    (before,) = (
        one["data"]
        for one in documents(installed)
        if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", "release")
    )
    release = (folder / "release.yaml").read_text("utf-8")
    release = release.replace(f'tag: "{before["tag"]}"', 'tag: "9.9.9"')
    release = release.replace(f'name: "{before["name"]}"', 'name: "9-9-9"')
    (folder / "release.yaml").write_text(release, "utf-8")

    upgraded = rendered(folder)
    said = apply(cluster, upgraded)

    for service in SERVICES:
        assert f"job.batch/{service}-migrate-9-9-9 created" in said
        for part in ("api", "workers"):
            assert f"deployment.apps/{service}-{part} configured" in said
    jobs = json.loads(cluster.run("get", "jobs", "-n", "dsfc", "-o", "json").stdout)["items"]
    images = {job["metadata"]["name"]: _image(job) for job in jobs}
    assert len(images) == 2 * len(SERVICES)
    assert {image for name, image in images.items() if name.endswith("-9-9-9")} == {
        re.sub(":[^:]*$", ":9.9.9", image) for image in images.values()
    }
    # And back: the former release's Jobs are there, and nothing is refused.
    apply(cluster, installed)
    # A day later they are not, and run again: on a database that is ahead they leave it as it is.
    cluster.run("delete", "jobs", "--all", "-n", "dsfc", "--wait=false")
    said = apply(cluster, installed)
    for service in SERVICES:
        assert f"job.batch/{service}-migrate-{before['name']} created" in said
    deployed = json.loads(cluster.run("get", "deployments", "-n", "dsfc", "-o", "json").stdout)
    assert {_image(one).rpartition(":")[2] for one in deployed["items"]} == {before["tag"]}


def test_under_the_same_name_the_job_of_another_release_is_refused(
    cluster: ApiServer, installed: str
) -> None:
    """Why the Jobs' names end with the release."""
    (job, *_) = (one for one in documents(installed) if one["kind"] == "Job")
    job["spec"]["template"]["spec"]["containers"][0]["image"] = "dsfc/agreements:other"

    done = cluster.run("apply", "--validate=strict", "-f", "-", given=json.dumps(job))

    assert done.returncode != 0
    assert "field is immutable" in done.stderr


def _image(workload: dict[str, Any]) -> str:
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    return str(container["image"])
