"""Codes are compared by what agreements says of them, which is kept for a while."""

import httpx
import pytest

from common import http
from common.organisations import KEPT_SECONDS, CodesUnavailable, RemoteCodes, spellings

OWN = {"02P00": "02P", "RR801": "RR8"}


def problem(status, **members):
    headers = {"content-type": "application/problem+json"}
    return httpx.Response(status, json=members, headers=headers)


class Tokens:
    def token(self, audience):
        return "a-token"


class Agreements:
    def __init__(self):
        self.asked, self.status, self.now = [], 200, 0.0

    def codes(self):
        transport = httpx.MockTransport(self._answer)
        remote = http.client("http://agreements", transport=transport)
        return RemoteCodes(remote, Tokens(), timer=lambda: self.now)

    def _answer(self, request):
        code = request.url.path.rpartition("/")[2]
        self.asked.append(code)
        if self.status != 200:
            return problem(self.status, code="NO")
        if code == "99X00":
            return problem(404, code="ORGANISATION_NOT_FOUND", own="99X")
        if code not in OWN:
            return problem(404, code="ORGANISATION_NOT_FOUND")
        return httpx.Response(200, json={"ods": OWN[code], "own": OWN[code]})


@pytest.mark.parametrize(
    ("code", "own"),
    [
        ("02P00", "02P"),
        (" 02p00 ", "02P"),
        ("rr801", "RR8"),
        ("99X00", "99X"),  # closed, and still whose it was
        ("Y00500", "Y00500"),  # which ends in 00 by itself
    ],
)
def test_a_longer_form_and_a_site_stand_for_their_entity(code, own):
    assert Agreements().codes().own(code) == own


def test_what_was_said_is_kept_and_asked_again_later():
    agreements = Agreements()
    codes = agreements.codes()

    assert {codes.own("02P00") for _ in range(3)} == {"02P"}
    assert agreements.asked == ["02P00"]
    agreements.now = KEPT_SECONDS + 1
    codes.own("02P00")
    assert agreements.asked == ["02P00", "02P00"]


def test_who_cannot_ask_says_so_and_what_only_shows_goes_by_what_was_known():
    agreements = Agreements()
    codes = agreements.codes()
    codes.own("02P00")
    agreements.now, agreements.status = KEPT_SECONDS + 1, 503

    with pytest.raises(http.RemoteUnavailable):
        codes.own("02P00")
    assert codes.known("02P00") == "02P"
    assert codes.known("rr801") == "RR801"
    assert len(agreements.asked) == 2  # who can do without does not ask again at once
    agreements.status = 200
    assert codes.own("RR801") == "RR8"


@pytest.mark.parametrize("status", [401, 403, 500])
def test_another_refusal_is_no_answer(status):
    agreements = Agreements()
    agreements.status = status

    with pytest.raises(CodesUnavailable):
        agreements.codes().own("02P00")


def test_what_is_one_s_own_is_so_by_each_of_its_codes():
    assert spellings(Agreements().codes(), "02P00") == {"02P00", "02P"}
