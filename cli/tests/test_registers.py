"""Whether a public register is what was signed, told from what anybody is shown."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from common.ids import digest_of
from common.security import keys
from common.security.jws import NotGenuine
from dsfc_cli.audit_logs.registers import JudgedStatement, Register, judged

AT = datetime(2018, 7, 1, 12, tzinfo=UTC)
SIGNER = keys.Signer(keys.generate_jwk())
"""Of whoever keeps the registers here."""
LINE = {"reference": "DARS-NIC-123456-A1B2C", "version": "v0.0", "not_as_sealed": []}
USE = {"file_id": "1", "data_set": "DIDS", "status": "current", "is_as_released": True}


def told(
    register: Register, lines: list[dict[str, Any]], use: keys.KeyUse | None = None, **said: Any
) -> dict[str, Any]:
    """A statement as the service answers it."""
    claims: dict[str, Any] = {
        "register": register.value,
        "as_of": AT.isoformat(),
        "is_complete": True,
        "rows": len(lines),
        "digest": digest_of(register.stated(lines)),
        "missing": [],
        "log_size": 9,
        "log_root": "ab",
    } | said
    signed = keys.issue(SIGNER, use or register.use, claims, at=AT)
    return {**claims, "as_of": "2018-07-01T12:00:00Z", "statement": signed}


def held(
    register: Register, lines: list[dict[str, Any]], shown: Any = None, **said: Any
) -> JudgedStatement:
    statement = told(register, lines, **said)
    return judged(register, statement, lines if shown is None else shown, SIGNER.jwks())


def kept(register: Register, lines: list[dict[str, Any]], **said: Any) -> Mapping[str, Any]:
    """What an earlier statement said."""
    return {**told(register, lines, **said), "as_of": "2018-06-01T12:00:00+00:00"}


@pytest.mark.parametrize(
    ("register", "line"), [(Register.AGREEMENTS, LINE), (Register.DATA_USES, USE)]
)
def test_a_register_is_what_was_signed_where_its_lines_are_those_of_the_statement(register, line):
    since = line | {"status": "withdrawn", "not_as_sealed": ["title"], "is_as_released": False}
    unstated = {name: since[name] for name in line if name in since}
    frozen = {"status"} if register is Register.AGREEMENTS else {"not_as_sealed"}
    shown = {**line, **{name: it for name, it in unstated.items() if name not in frozen}}

    assert held(register, [line]).wrong == ()
    assert held(register, [line], shown=[shown]).wrong == ()
    assert held(register, []).wrong == ()


def test_what_was_altered_added_or_left_out_of_what_is_shown_is_said():
    other = LINE | {"version": "v0.1"}
    for shown in ([], [other], [LINE, other], [other, LINE]):
        (what,) = held(Register.AGREEMENTS, [LINE], shown=shown).wrong
        assert what == (f"The {len(shown)} lines that are shown are not the 1 that are stated.")


def test_what_the_register_says_is_gone_is_said_and_so_is_that_it_is_not_complete():
    gone = {"is_complete": False, "missing": ["DARS-NIC-1"], "unreadable": ["7"]}

    assert held(Register.AGREEMENTS, [LINE], **gone).wrong == (
        "missing: DARS-NIC-1",
        "unreadable: 7",
        "By its own statement the register is not complete.",
    )


@pytest.mark.parametrize("member", ["as_of", "is_complete", "rows", "log_size", "more"])
def test_a_member_that_is_shown_otherwise_than_it_was_signed_is_said(member):
    statement = told(Register.AGREEMENTS, [LINE]) | {member: "2018-07-02T12:00:00Z"}

    found = judged(Register.AGREEMENTS, statement, [LINE], SIGNER.jwks())

    assert found.wrong == (f"`{member}` is shown otherwise than it was signed.",)


@pytest.mark.parametrize(
    ("use", "signer"),
    [
        (keys.REGISTER_STATEMENT, SIGNER),
        (keys.SIGNATURE_RECEIPT, SIGNER),
        (keys.DATA_USES_STATEMENT, keys.Signer(keys.generate_jwk())),
    ],
)
def test_a_statement_of_another_kind_or_key_is_none(use, signer):
    statement = told(Register.DATA_USES, [USE], use=use)

    with pytest.raises(NotGenuine):
        judged(Register.DATA_USES, statement, [USE], signer.jwks())


def test_a_register_that_grew_since_the_kept_statement_is_in_order():
    now = held(Register.DATA_USES, [USE, USE | {"file_id": "2"}], log_size=12, log_root="cd")

    assert now.beside(kept(Register.DATA_USES, [USE])).wrong == ()


@pytest.mark.parametrize(
    ("former", "now", "said", "wrong"),
    [
        ([USE, USE], [USE], {}, "there were 2 lines, and now 1."),
        ([USE], [USE | {"data_set": "SUS_OP"}, USE], {}, "The first 1 lines are not what they"),
        ([USE], [USE], {"log_size": 8}, "`log_size` was 9 at 2018-06-01T12:00:00+00:00 and is 8"),
        ([USE], [USE], {"log_root": "cd"}, "`log_root` was another one at"),
    ],
)
def test_what_a_kept_statement_said_and_is_not_so_any_more_is_said(former, now, said, wrong):
    (found,) = held(Register.DATA_USES, now, **said).beside(kept(Register.DATA_USES, former)).wrong

    assert wrong in found


def test_lines_of_agreements_may_stand_otherwise_but_none_may_go():
    ended = LINE | {"status": "EXPIRED"}
    former = kept(Register.AGREEMENTS, [LINE])

    assert held(Register.AGREEMENTS, [ended]).beside(former).wrong == ()
    assert held(Register.AGREEMENTS, []).beside(former).wrong != ()


def test_an_edition_of_relationships_may_have_fewer_lines():
    former = kept(Register.RELATIONSHIPS, [{"lcr_ref": "LCR-1"}])

    assert held(Register.RELATIONSHIPS, []).beside(former).wrong == ()


def test_a_statement_of_another_register_is_no_earlier_one():
    (wrong,) = held(Register.AGREEMENTS, []).beside(kept(Register.CONTRACTS, [])).wrong

    assert wrong == "The statement that was kept is of contracts."
