"""Secrets for the compose file, a Keycloak realm of their public halves, and profiles.

With certificates of a development authority, for the compose file over TLS; production refuses
them.
"""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from common import files
from common.security import keys
from common.security.keys import AUDIENCES, audience_scope
from common.security.roles import Role
from dsfc_cli.house.identities import Identities
from dsfc_cli.house.suite import SERVICES
from dsfc_client import URLS, Profile
from dsfc_testing.certificates import Authority
from dsfc_testing.issuer import Identity
from pseudonymisation.cli import keys_app as haven_keys
from pseudonymisation.engine.keystore import generate_key_encryption_key

PRIVATE, READABLE = 0o700, 0o644
AUTHORITY = "ca.crt"
TOKEN_PATH = "protocol/openid-connect/token"  # noqa: S105 - where, not what
ISSUER = "http://keycloak:8080/realms/dsfc"
"""What tokens name as their issuer, wherever they are asked for."""
OUTSIDE = "http://127.0.0.1:8080/realms/dsfc"
"""Where the same realm is reached from this machine."""
TLS_ISSUER = "https://keycloak:8443/realms/dsfc"
TLS_OUTSIDE = "https://127.0.0.1:8443/realms/dsfc"
"""The same with docker-compose.tls.yml."""

SHOWN: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(SERVICES, ()),
    "pseudonymisation": ("preparations",),
    "kafka": (),
    "keycloak": (),
}
"""Who shows a certificate, and under which names besides its own and those of this machine."""

ACCOUNTS = (
    ("landing", "pseudonymisation", "landing"),
    ("release-writer", "pseudonymisation", "release"),
    ("release-reader", "dissemination", "release"),
)
"""Of the S3 server: the account, whose it is, and which store's credentials."""


app = typer.Typer(invoke_without_command=True)
# What the haven's own command does, for a haven whose settings are in the environment.
app.registered_commands += haven_keys.registered_commands


@app.callback()
def command(
    context: typer.Context,
    directory: Annotated[Path, typer.Option(help="Never below version control.")] = Path(
        "var/compose"
    ),
) -> None:
    """Make keys, passwords and the profile for docker-compose.yml; what is there already stays.

    The commands are for the keys of a haven (docs/key-custody.md), which two people make and
    destroy.

    Example: dsfc keys --directory var/compose
    """
    if context.invoked_subcommand is not None:
        return
    identities = Identities.create(directory / "identities")
    for service in SERVICES:
        folder = directory / service
        folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        keys.load_or_generate(folder / "signing.jwk")
        client = folder / "client.jwk"
        if not client.exists():
            client.write_bytes(identities.key_file(service).read_bytes())
            client.chmod(0o600)
        _database(directory / "postgres", service, folder)
        typer.echo(folder)
    _password(directory / "postgres" / "superuser")
    _objects(directory)
    _certificates(directory)
    key_encryption_key = directory / "pseudonymisation" / "kek.key"
    if not key_encryption_key.exists():
        generate_key_encryption_key(key_encryption_key)
    realm = directory / "keycloak" / "dsfc-realm.json"
    realm.parent.mkdir(parents=True, exist_ok=True)
    realm.write_text(json.dumps(realm_of(identities), indent=2) + "\n", encoding="utf-8")
    realm.parent.chmod(
        READABLE | 0o111
    )  # Keycloak's user is another's, and nothing in it is secret
    realm.chmod(READABLE)
    typer.echo(realm)
    for name, profile in profiles_of(identities, directory).items():
        profile.write(directory / name)
        typer.echo(directory / name)


def _password(path: Path) -> str:
    """The password in a file; a new one where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    if not path.exists():
        files.write_private(path, secrets.token_urlsafe(32))
    return path.read_text("ascii")


def _database(passwords: Path, service: str, folder: Path) -> None:
    """The address of a service's database with its password, as the setting's secret file."""
    password = _password(passwords / service)
    address = f"postgresql+psycopg://{service}:{password}@postgres/{service}"
    path = folder / f"{service}_database_url"
    if not path.exists():
        files.write_private(path, address)


def _objects(directory: Path) -> None:
    """Make the accounts of the S3 server, and the files by which the services are such."""
    _password(directory / "objects" / "root")
    for account, folder, name in ACCOUNTS:
        secret = _password(directory / "objects" / account)
        path = directory / folder / f"{name}.credentials"
        if not path.exists():
            files.write_private(
                path,
                f"[default]\naws_access_key_id = {account}\naws_secret_access_key = {secret}\n",
            )


def _certificates(directory: Path) -> None:
    """Make an authority and a certificate for each who shows one; one that ends soon anew.

    What is not a service's is below `tls`, beside the authority.
    """
    place = directory / "tls"
    place.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    authority = Authority.load_or_new(place / AUTHORITY, place / "ca.key")
    for name, others in SHOWN.items():
        folder = (directory if name in SERVICES else place) / name
        folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        certificate, key = folder / "tls.crt", folder / "tls.key"
        if not (key.exists() and authority.has_issued(certificate)):
            names = [name, *others, "localhost", "127.0.0.1"]
            authority.issue(names, certificate, key)
        files.write_private(folder / AUTHORITY, authority.pem.decode("ascii"))
    _for_kafka(place / "kafka")


def _for_kafka(folder: Path) -> None:
    """Key and certificate in one file, as the broker wants them."""
    both = "".join((folder / f"tls.{half}").read_text("ascii") for half in ("key", "crt"))
    files.write_private(folder / "tls.pem", both)


def profiles_of(identities: Identities, directory: Path) -> Mapping[str, Profile]:
    """Where the services of the compose file are for somebody outside it, and as whom to ask."""
    services = {service: URLS[service] for service in SERVICES}
    encrypted = {name: url.replace("http://", "https://") for name, url in services.items()}
    return {
        "profile.json": Profile(
            issuer=ISSUER,
            token_url=f"{OUTSIDE}/{TOKEN_PATH}",
            assertion_audience=ISSUER,
            services=services,
            clients=identities.clients(directory),
        ),
        "profile-tls.json": Profile(
            issuer=TLS_ISSUER,
            token_url=f"{TLS_OUTSIDE}/{TOKEN_PATH}",
            assertion_audience=TLS_ISSUER,
            services=encrypted,
            clients=identities.clients(directory),
            authority=f"tls/{AUTHORITY}",
        ),
    }


def realm_of(identities: Identities) -> dict[str, Any]:
    """A Keycloak realm: a client an identity, a scope a role, a scope an audience, public keys.

    Keycloak 26.4 does not know RFC 8707's `resource`: the audience is asked for by its scope.
    """
    return {
        "realm": "dsfc",
        "enabled": True,
        "accessTokenLifespan": 300,
        "clientScopes": [*map(_scope, Role), *map(_audience, AUDIENCES)],
        "clients": [_client(identity) for identity in identities.known],
    }


def _scope(role: Role) -> dict[str, Any]:
    return {
        "name": role.scope,
        "protocol": "openid-connect",
        "attributes": {"include.in.token.scope": "true"},
    }


def _audience(audience: str) -> dict[str, Any]:
    config = {"included.custom.audience": audience, "access.token.claim": "true"}
    return {
        "name": audience_scope(audience),
        "protocol": "openid-connect",
        "attributes": {"include.in.token.scope": "false"},
        "protocolMappers": [
            {
                "name": "audience",
                "protocol": "openid-connect",
                "protocolMapper": "oidc-audience-mapper",
                "config": config,
            }
        ],
    }


def _client(identity: Identity) -> dict[str, Any]:
    jwks = json.dumps({"keys": [dict(identity.public_jwk)]})
    # `sub` by name: Keycloak's own id changes with every import; who signs twice is told by it.
    claims = {"sub": identity.client_id, "ods": identity.ods}
    if identity.training_valid_until is not None:
        claims["training_valid_until"] = identity.training_valid_until.isoformat()
    return {
        "clientId": identity.client_id,
        "name": identity.title,
        "protocol": "openid-connect",
        "publicClient": False,
        "standardFlowEnabled": False,
        "serviceAccountsEnabled": True,
        "clientAuthenticatorType": "client-jwt",
        "attributes": {
            "use.jwks.string": "true",
            "jwks.string": jwks,
            "token.endpoint.auth.signing.alg": "ES256",
            "access.token.header.type.rfc9068": "true",  # `typ` is `at+jwt`
        },
        "defaultClientScopes": [],
        "optionalClientScopes": [
            *sorted(role.scope for role in identity.roles),
            *map(audience_scope, AUDIENCES),
        ],
        "protocolMappers": [_claim(name, value) for name, value in claims.items()],
    }


def _claim(name: str, value: str) -> dict[str, Any]:
    return {
        "name": name,
        "protocol": "openid-connect",
        "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": {"claim.name": name, "claim.value": value, "access.token.claim": "true"},
    }
