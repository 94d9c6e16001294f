"""What is deployed is valid, says what the design says, and holds no secret."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[2]
OVERLAYS = ROOT / "deploy" / "k8s" / "overlays"
SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")


def tool(name: str) -> str:
    """The path of a tool that a user need not have and CI must."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} must be there in CI; .ci/run installs it")
        pytest.skip(f"{name} is not on this machine")
    return found


@pytest.fixture(scope="module", params=["development", "production"])
def manifests(request) -> list[dict[str, Any]]:
    command = [tool("kustomize"), "build", str(OVERLAYS / request.param)]
    rendered = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return [m for m in yaml.safe_load_all(rendered.stdout) if m]


def of_kind(manifests: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {m["metadata"]["name"]: m for m in manifests if m["kind"] == kind}


def test_every_manifest_is_valid(manifests) -> None:
    for manifest in manifests:
        kubernetes_validate.validate(manifest, "1.33", strict=True)


def test_every_service_has_an_api_workers_and_a_migration(manifests) -> None:
    deployments, jobs = of_kind(manifests, "Deployment"), of_kind(manifests, "Job")

    for service in SERVICES:
        assert {f"{service}-api", f"{service}-workers"} <= set(deployments)
        assert f"{service}-migrate" in jobs


def test_every_container_is_bounded_and_runs_as_nobody(manifests) -> None:
    for kind in ("Deployment", "Job"):
        for manifest in of_kind(manifests, kind).values():
            pod = manifest["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["enableServiceLinks"] is False
            for container in pod["containers"]:
                assert container["securityContext"]["allowPrivilegeEscalation"] is False
                assert container["securityContext"]["readOnlyRootFilesystem"] is True
                assert container["resources"]["limits"]["memory"]


def test_every_api_is_probed(manifests) -> None:
    for name, manifest in of_kind(manifests, "Deployment").items():
        if name.endswith("-api"):
            (container,) = manifest["spec"]["template"]["spec"]["containers"]
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
            assert container["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_preparations_are_reachable_from_dissemination_only(manifests) -> None:
    reaching = [
        (name, source)
        for name, policy in of_kind(manifests, "NetworkPolicy").items()
        for rule in policy["spec"].get("ingress", [])
        if {"port": 8413} in rule["ports"]
        for source in rule["from"]
    ]

    assert reaching == [
        (
            "preparations",
            {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "dissemination"}}},
        )
    ]
    (denied,) = [
        p
        for p in of_kind(manifests, "NetworkPolicy").values()
        if p["metadata"]["name"] == "default-deny"
    ]
    assert denied["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_no_ingress_rule_is_without_a_source_and_a_port(manifests) -> None:
    for policy in of_kind(manifests, "NetworkPolicy").values():
        for rule in policy["spec"].get("ingress", []):
            assert rule["from"]
            assert rule["ports"]


def test_no_secret_is_in_the_repository(manifests) -> None:
    assert of_kind(manifests, "Secret") == {}
    for configuration in of_kind(manifests, "ConfigMap").values():
        text = json.dumps(configuration["data"])
        assert not re.search(r"(?i)password|://[^/\"]*:[^/\"]*@|PRIVATE KEY", text)


def test_the_compose_file_is_valid() -> None:
    command = [tool("docker-compose"), "-f", str(ROOT / "docker-compose.yml"), "config"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert {"postgres", "kafka", "keycloak"} <= set(services)
    for service in SERVICES:
        assert {service, f"{service}-migrate", f"{service}-workers"} <= set(services)


@pytest.mark.parametrize("service", SERVICES)
def test_the_four_dockerfiles_are_one_pattern(service: str) -> None:
    def shape(name: str) -> str:
        text = (ROOT / "services" / name / "Dockerfile").read_text(encoding="utf-8")
        plain = text.replace(name, "SERVICE").replace(name.upper(), "PREFIX")
        return re.sub(r"84[01][0-9]", "PORT", plain).replace("PORT PORT", "PORT")

    assert shape(service) == shape("applications")
    assert "USER 10001" in shape(service)
