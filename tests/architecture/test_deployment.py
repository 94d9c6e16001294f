"""What is deployed is valid, says what the design says, and holds no secret."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
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


@pytest.fixture(scope="module", params=["development", "single-machine", "production"])
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
        assert [name for name in jobs if name.startswith(f"{service}-migrate-")]


def test_an_upgrade_has_migration_jobs_of_its_own(manifests) -> None:
    """What a Job runs cannot be changed: under the same name the new one would be refused."""
    (release,) = (m["data"] for n, m in of_kind(manifests, "ConfigMap").items() if n == "release")
    jobs = of_kind(manifests, "Job")

    assert release["name"] == release["tag"].replace(".", "-")
    assert set(jobs) == {f"{service}-migrate-{release['name']}" for service in SERVICES}
    for manifest in [*jobs.values(), *of_kind(manifests, "Deployment").values()]:
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        assert container["image"].endswith(f":{release['tag']}")


def test_every_service_starts_with_what_its_pods_are_told(manifests, monkeypatch) -> None:
    """Stores, keys and brokers are set; what a name of ours does not know stops the start."""
    for service in SERVICES:
        deployment = of_kind(manifests, "Deployment")[f"{service}-workers"]
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        (settings,) = (
            of_kind(manifests, "ConfigMap")[one["configMapRef"]["name"]]["data"]
            for one in container["envFrom"]
            if "configMapRef" in one
        )
        secret = {f"{service.upper()}_DATABASE_URL": f"postgresql+psycopg://{service}@postgres/x"}
        with monkeypatch.context() as told:
            for name, value in (settings | secret).items():
                told.setenv(name, value)
            read = import_module(f"{service}.settings").Settings()
        mounts = [Path(mount["mountPath"]) for mount in container["volumeMounts"]]
        for name, value in read:
            is_place = name.endswith(("_file", "_dir", "_store", "scratch")) and value
            if is_place and not str(value).startswith("s3://"):
                inside = [mount for mount in mounts if Path(value).is_relative_to(mount)]
                assert inside, f"{service}: {name} is {value}, which no volume holds"


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


def test_where_there_are_two_of_an_api_they_are_on_two_machines_if_there_are(manifests) -> None:
    for name, manifest in of_kind(manifests, "Deployment").items():
        if name.endswith("-api") and manifest["spec"]["replicas"] > 1:
            (spread,) = manifest["spec"]["template"]["spec"]["topologySpreadConstraints"]
            assert spread["topologyKey"] == "kubernetes.io/hostname", name
            assert spread["matchLabelKeys"] == ["app.kubernetes.io/name"], name


def test_services_speak_tls_to_each_other_wherever_it_is_not_for_a_try(manifests) -> None:
    """Addresses, probes, ports and certificates agree: half of it is a service that is away."""
    settings = {
        name: value
        for one in of_kind(manifests, "ConfigMap").values()
        for name, value in one["data"].items()
    }
    is_tried = settings["DISSEMINATION_ENVIRONMENT"] == "development"
    deployments, services = of_kind(manifests, "Deployment"), of_kind(manifests, "Service")
    for service in SERVICES:
        urls = json.loads(settings[f"{service.upper()}_SERVICE_URLS"]).values()
        schemes = {url.partition("://")[0] for url in urls}
        (container,) = deployments[f"{service}-api"]["spec"]["template"]["spec"]["containers"]
        probes = [container[f"{name}Probe"]["httpGet"] for name in ("readiness", "liveness")]
        (port,) = services[f"{service}-api"]["spec"]["ports"]

        assert schemes == {"http" if is_tried else "https"}
        assert {probe.get("scheme", "HTTP") for probe in probes} == {
            "HTTP" if is_tried else "HTTPS"
        }
        assert (port["name"], port["port"]) == (("http", 80) if is_tried else ("https", 443))
        for part in ("api", "workers"):
            pod = deployments[f"{service}-{part}"]["spec"]["template"]["spec"]
            shown = [one["secret"] for one in pod["volumes"] if one["name"] == "tls"]
            assert [one["secretName"] for one in shown] == ([] if is_tried else [f"{service}-tls"])
            assert all(("items" in one) == (part == "workers") for one in shown), "no key of it"
    for ingress in of_kind(manifests, "Ingress").values():
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                asked = path["backend"]["service"]
                (port,) = services[asked["name"]]["spec"]["ports"]
                assert asked["port"]["number"] == port["port"]


def test_what_everybody_may_read_is_let_in_by_its_exact_path_and_to_a_service_that_is_there(
    manifests,
) -> None:
    services = set(of_kind(manifests, "Service"))
    paths = {
        (rule["host"], path["path"], path["pathType"], path["backend"]["service"]["name"])
        for ingress in of_kind(manifests, "Ingress").values()
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    }

    assert paths in (
        set(),
        {
            ("haven.example.internal", "/v1/data-quality", "Exact", "pseudonymisation-api"),
            ("register.example.internal", "/v1/register", "Exact", "dissemination-api"),
            ("register.example.internal", "/v1/register/statement", "Exact", "dissemination-api"),
        },
    )
    assert {name for *_, name in paths} <= services
    settings = of_kind(manifests, "ConfigMap")
    told = {
        address
        for name, one in settings.items()
        if name.startswith("applications-settings")
        and (address := one["data"].get("APPLICATIONS_DATA_QUALITY_URL"))
    }
    assert told <= {f"https://{host}{path}" for host, path, *_ in paths} or not paths


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
    assert {"postgres", "kafka", "keycloak", "objects"} <= set(services)
    for service in SERVICES:
        assert {service, f"{service}-migrate", f"{service}-workers"} <= set(services)


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    """The compose file with its anchors resolved."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return document


LONG_LIVED = {
    *SERVICES,
    *(f"{service}-workers" for service in SERVICES),
    "postgres",
    "kafka",
    "keycloak",
    "objects",
}


def test_what_lives_long_is_bounded_restarted_and_has_time_to_end(composed) -> None:
    for name in LONG_LIVED:
        container = composed["services"][name]
        assert container["mem_limit"], name
        assert container["restart"] == "unless-stopped", name
        assert int(container["stop_grace_period"].removesuffix("s")) >= 30, name
        assert container["logging"]["options"]["max-file"], name


def test_our_containers_have_no_rights_and_write_to_their_stores_alone(composed) -> None:
    for service in SERVICES:
        for name in (service, f"{service}-workers", f"{service}-migrate"):
            container = composed["services"][name]
            assert container["read_only"] is True
            assert container["cap_drop"] == ["ALL"]
            assert container["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("service", SERVICES)
def test_each_place_that_a_setting_names_is_on_a_volume(composed, service: str) -> None:
    """What a container writes elsewhere is refused (read_only) or gone with it."""
    for name in (service, f"{service}-workers", f"{service}-migrate"):
        container = composed["services"][name]
        targets = [volume.split(":")[1] for volume in container["volumes"]]
        places = {
            setting: value
            for setting, value in container["environment"].items()
            if isinstance(value, str) and value.startswith("/")
        }

        assert len(places) > 2, name
        for setting, place in places.items():
            assert any(Path(place).is_relative_to(target) for target in targets), (name, setting)


def test_the_compose_file_holds_no_password(composed) -> None:
    text = json.dumps(composed)

    assert not re.search(r"(?i)trust\b|://[^/\"]*:[^/\"@]*@|_PASSWORD\"", text)
    assert composed["services"]["postgres"]["environment"] == {
        "POSTGRES_PASSWORD_FILE": "/run/secrets/superuser"
    }


def test_who_shares_a_network_in_the_compose_file(composed) -> None:
    def on(network: str) -> set[str]:
        return {
            name
            for name, container in composed["services"].items()
            if network in container.get("networks", ())
        }

    assert on("haven") == {
        f"{service}{what}"
        for service in ("pseudonymisation", "dissemination")
        for what in ("", "-workers", "-migrate")
    }
    assert on("objects") == on("haven") | {"objects", "buckets"}
    assert on("databases") == {"postgres", "databases"}
    for service in SERVICES:
        own = {f"{service}{what}" for what in ("", "-workers", "-migrate")}
        assert on(f"{service}-database") == {"postgres"} | own, "no other service is met there"
    open_to_others = [n for n, options in composed["networks"].items() if not options]
    assert open_to_others == ["inside"]
    assert all(o in ({}, {"internal": True}) for o in composed["networks"].values())
    assert composed["services"]["pseudonymisation"]["networks"]["haven"] == {
        "aliases": ["preparations"]
    }
    assert (
        composed["x-pseudonymisation"]["environment"]["PSEUDONYMISATION_PREPARATIONS_HOST"]
        == "preparations"
    ), "bound to that network's address, not to all"


@pytest.fixture(scope="module")
def over_tls() -> dict[str, Any]:
    """What the file that adds TLS says, with its anchors resolved."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.tls.yml").read_text("utf-8"))
    return document["services"]


@pytest.mark.parametrize("service", SERVICES)
def test_over_tls_every_container_of_ours_speaks_it_to_services_issuer_and_broker(
    over_tls, service: str
) -> None:
    prefix = service.upper()
    for name in (service, f"{service}-workers", f"{service}-migrate"):
        told = over_tls[name]["environment"]
        urls = json.loads(told[f"{prefix}_SERVICE_URLS"])
        asked = [
            *urls.values(),
            *(told[f"{prefix}_{n}"] for n in ("ISSUER", "JWKS_URL", "TOKEN_URL")),
        ]
        assert all(url.startswith("https://") for url in asked)
        for what in ("TLS_CERTIFICATE", "TLS_KEY", "TLS_AUTHORITY", "ISSUER_AUTHORITY"):
            assert told[f"{prefix}_{what}_FILE"].startswith("/run/secrets/")
        for what in ("AUTHORITY", "CERTIFICATE", "KEY"):
            assert told[f"{prefix}_KAFKA_{what}_FILE"].startswith("/run/secrets/")
    assert over_tls[f"{service}-workers"]["depends_on"]["rights"]


def test_over_tls_the_broker_lets_nobody_in_without_a_certificate(over_tls) -> None:
    """Whoever is nobody is the controller of its own loopback."""
    told = over_tls["kafka"]["environment"]
    listeners = dict(one.split("://") for one in told["KAFKA_LISTENERS"].split(","))
    protocols = dict(
        one.split(":") for one in told["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    )

    assert told["KAFKA_SSL_CLIENT_AUTH"] == "required"
    assert told["KAFKA_AUTHORIZER_CLASS_NAME"].endswith(".StandardAuthorizer")
    assert "KAFKA_ALLOW_EVERYONE_IF_NO_ACL_FOUND" not in told
    assert {name for name, where in listeners.items() if not where.startswith("127.0.0.1:")} == {
        "SECURE"
    }
    assert protocols == {"SECURE": "SSL", "CONTROLLER": "PLAINTEXT"}


@pytest.mark.parametrize("service", ["pseudonymisation", "dissemination"])
def test_the_s3_server_ends_after_who_reads_from_it(composed, service: str) -> None:
    assert composed["services"][service]["depends_on"]["objects"] == {
        "condition": "service_healthy"
    }


def test_health_is_asked_without_starting_an_interpreter(composed) -> None:
    for name, container in composed["services"].items():
        if "healthcheck" in container:
            assert container["healthcheck"]["test"][1] in {"bash", "pg_isready", "wget"}, name


def test_images_run_as_nobody_and_default_to_production() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")

    assert re.search(r"(?m)^USER 10001$", text)
    assert "${PREFIX}_ENVIRONMENT=production" in text
    assert not list((ROOT / "services").glob("*/Dockerfile")), "one pattern, one file"


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_built_from_the_one_dockerfile(composed, service: str) -> None:
    assert composed["services"][service]["build"] == {
        "context": ".",
        "args": {"SERVICE": service, "PREFIX": service.upper()},
    }


def test_what_an_image_says_of_itself_is_the_same_for_the_same_input(tmp_path: Path) -> None:
    components = [{"name": name} for name in ("fastapi", "psycopg", "dsfc-common")]
    bill = {"metadata": {"timestamp": "now"}, "components": components}

    def described(name: str, serial: str) -> dict[str, str]:
        folder = tmp_path / name
        (folder / "lib").mkdir(parents=True)
        (folder / "lib" / "module.py").write_text("x = 1\n")
        subprocess.run(
            [sys.executable, "deploy/image/describe.py", "agreements", "abc123", "86400", folder],
            input=json.dumps(bill | {"serialNumber": serial}),
            check=True,
            text=True,
            cwd=ROOT,
            timeout=60,
        )
        return {p.name: p.read_text() for p in folder.glob("*.json")}

    first, second = described("first", "urn:uuid:1"), described("second", "urn:uuid:2")

    assert first == second
    told = json.loads(first["sbom.cdx.json"])
    assert told["metadata"]["timestamp"] == "1970-01-02T00:00:00Z"
    assert [component.get("licenses") for component in told["components"]] == [
        [{"expression": "MIT"}],
        [{"expression": "LGPL-3.0-only"}],
        None,
    ]
    assert json.loads(first["provenance.json"])["revision"] == "abc123"
