"""Who reaches whom in the cluster: the policies are evaluated as a cluster evaluates them."""

import ipaddress
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.architecture.test_deployment import OVERLAYS, SERVICES, tool

Labels = Mapping[str, str]
PART, NAME = "dsfc.nhs.example/part", "app.kubernetes.io/name"


@dataclass(frozen=True)
class Place:
    """Something that asks or is asked: a pod by its labels, or an address outside."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()
    namespace: str = "dsfc"
    address: str | None = None


def ours(service: str, part: str) -> Place:
    labels = {NAME: service, PART: part, "app.kubernetes.io/part-of": "dsfc"}
    return Place(f"{service}-{part}", tuple(labels.items()))


def store(name: str) -> Place:
    return Place(name, ((NAME, name),), namespace="stores")


PODS = [ours(service, part) for service in SERVICES for part in ("api", "workers", "migrate")]
DNS = Place("dns", (("k8s-app", "kube-dns"),), namespace="kube-system")
INGRESS = Place("ingress", (("app", "nginx"),), namespace="ingress")
STRANGER = Place("stranger", (("app", "stranger"),), namespace="stranger")
FALSE_STORE = Place("false-store", ((NAME, "postgres"),), namespace="stranger")
INTERNET = Place("internet", namespace="", address="203.0.113.7")
METADATA = Place("metadata", namespace="", address="169.254.169.254")
OUTSIDE = {
    "postgres": Place("postgres", namespace="", address="192.0.2.17"),
    "kafka": Place("kafka", namespace="", address="192.0.2.34"),
    "identity": Place("identity", namespace="", address="192.0.2.40"),
    "objects": Place("objects", namespace="", address="192.0.2.48"),
}
STORES: dict[str, dict[str, tuple[Place, int]]] = {
    "development": {
        "postgres": (store("postgres"), 5432),
        "kafka": (store("kafka"), 9092),
        "identity": (store("keycloak"), 8080),
    },
    "single-machine": {
        "postgres": (store("postgres"), 5432),
        "kafka": (store("kafka"), 9093),
        "identity": (OUTSIDE["identity"], 443),
    },
    "production": {
        "postgres": (OUTSIDE["postgres"], 5432),
        "kafka": (OUTSIDE["kafka"], 9093),
        "identity": (OUTSIDE["identity"], 443),
        "objects": (OUTSIDE["objects"], 443),
    },
}
PORTS = (53, 80, 443, 5432, 7070, 8080, 8401, 8402, 8403, 8404, 8413, 9092, 9093)


def selects(selector: Mapping[str, Any], labels: Labels) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    for one in selector.get("matchExpressions", []):
        assert one["operator"] == "In", "another operator needs its line here"
        wanted = wanted and labels.get(one["key"]) in one["values"]
    return bool(wanted)


def is_peer(peer: Mapping[str, Any], place: Place) -> bool:
    if "ipBlock" in peer:
        network = ipaddress.ip_network(peer["ipBlock"]["cidr"])
        return place.address is not None and ipaddress.ip_address(place.address) in network
    namespace = {"kubernetes.io/metadata.name": place.namespace}
    if "namespaceSelector" in peer:
        is_there = selects(peer["namespaceSelector"], namespace)
    else:
        is_there = place.namespace == "dsfc"
    return is_there and selects(peer.get("podSelector", {}), dict(place.labels))


def lets(
    policies: list[Any], direction: str, pod: Place, other: Place, port: int, protocol: str
) -> bool:
    """Say whether the policies of a pod let it reach another, or be reached by it."""
    if pod.namespace != "dsfc":
        return True  # its policies are its own
    named, peers = ("Ingress", "from") if direction == "ingress" else ("Egress", "to")
    chosen = [
        policy["spec"]
        for policy in policies
        if named in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], dict(pod.labels))
    ]
    assert chosen, f"nothing is said of {pod.name}, so everything is let"
    return any(
        any(p["port"] == port and p.get("protocol", "TCP") == protocol for p in rule["ports"])
        and any(is_peer(peer, other) for peer in rule[peers])
        for spec in chosen
        for rule in spec.get(direction, [])
    )


@pytest.fixture(scope="module", params=sorted(STORES))
def overlay(request) -> tuple[str, list[Any]]:
    command = [tool("kustomize"), "build", str(OVERLAYS / request.param)]
    rendered = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    found = [m for m in yaml.safe_load_all(rendered.stdout) if m["kind"] == "NetworkPolicy"]
    return request.param, found


def expected(stores: Mapping[str, tuple[Place, int]]) -> Iterator[tuple[str, str, int, str]]:
    for pod in PODS:
        service, _, part = pod.name.rpartition("-")
        for protocol in ("TCP", "UDP"):
            yield pod.name, "dns", 53, protocol
        for name, (place, port) in stores.items():
            if part == "migrate" and name != "postgres":
                continue
            if name == "objects" and service not in ("pseudonymisation", "dissemination"):
                continue
            yield pod.name, place.name, port, "TCP"
    for asking, asked, port in (
        ("applications", "agreements", 8402),
        ("agreements", "applications", 8401),
        ("agreements", "pseudonymisation", 8403),
        ("agreements", "dissemination", 8404),
        ("pseudonymisation", "agreements", 8402),
        ("dissemination", "agreements", 8402),
        ("dissemination", "pseudonymisation", 8413),
    ):
        for part in ("api", "workers"):
            yield f"{asking}-{part}", f"{asked}-api", port, "TCP"
    for service, port in zip(SERVICES, (8401, 8402, 8403, 8404), strict=True):
        yield "ingress", f"{service}-api", port, "TCP"


def test_each_reaches_what_it_needs_by_name_and_nothing_else(overlay) -> None:
    name, policies = overlay
    stores = STORES[name]
    asked = [*PODS, DNS, INGRESS, STRANGER, FALSE_STORE, INTERNET, METADATA]
    asked += [place for place, _ in stores.values()]
    asked += [place for place in OUTSIDE.values() if place not in asked]

    reaching = {
        (one.name, other.name, port, protocol)
        for one in [*PODS, INGRESS, STRANGER]
        for other in asked
        for port in PORTS
        for protocol in ("TCP", "UDP")
        if one != other
        and "dsfc" in (one.namespace, other.namespace)
        and lets(policies, "egress", one, other, port, protocol)
        and lets(policies, "ingress", other, one, port, protocol)
    }

    assert reaching == set(expected(stores))
