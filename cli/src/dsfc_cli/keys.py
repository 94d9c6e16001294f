"""Keys for the compose file, a folder a service, and a Keycloak realm of their public halves."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from common.security import keys
from common.security.keys import AUDIENCES, audience_scope
from common.security.roles import Role
from dsfc_cli.identities import Identities
from dsfc_cli.suite import SERVICES
from dsfc_testing.issuer import Identity
from pseudonymisation.engine.keystore import generate_key_encryption_key

PRIVATE = 0o700


def command(
    directory: Annotated[Path, typer.Option(help="Never below version control.")] = Path(
        "var/compose"
    ),
) -> None:
    """Make the keys that docker-compose.yml mounts; what is there already stays.

    Example: dsfc keys --directory var/compose
    """
    identities = Identities.create(directory / "identities")
    for service in SERVICES:
        folder = directory / service
        folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        keys.load_or_generate(folder / "signing.jwk")
        client = folder / "client.jwk"
        if not client.exists():
            client.write_bytes(identities.key_file(service).read_bytes())
            client.chmod(0o600)
        typer.echo(folder)
    key_encryption_key = directory / "pseudonymisation" / "kek.key"
    if not key_encryption_key.exists():
        generate_key_encryption_key(key_encryption_key)
    realm = directory / "keycloak" / "dsfc-realm.json"
    realm.parent.mkdir(parents=True, exist_ok=True)
    realm.write_text(json.dumps(realm_of(identities), indent=2) + "\n", encoding="utf-8")
    typer.echo(realm)


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
    claims = {"ods": identity.ods}
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
