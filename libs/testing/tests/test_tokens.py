"""Tokens of tests: what a client keeps, and when it asks anew."""

from datetime import timedelta

from common.security.roles import Role
from dsfc_testing.tokens import LocalIssuer


def test_a_token_is_kept_until_the_clock_moves_or_the_issuer_knows_its_client_otherwise(clock):
    issuer = LocalIssuer(clock)

    def ask(ods="0DF", role=Role.CSU_SYSTEM, audience="dissemination"):
        return issuer.token_for(role, audience=audience, ods=ods, client_id="csu")

    first = ask()
    assert ask() == first
    assert ask(audience="agreements") != first
    assert ask(role=Role.CSU_ADVISER) != first
    other = ask(ods="0CX")
    assert issuer.verifier().verify(other, audience="dissemination").organisation == "0CX"
    again = ask()  # the issuer knew it as another organisation's meanwhile
    assert again not in {first, other}
    clock.set(clock.now() + timedelta(seconds=1))
    assert ask() not in {first, again}
