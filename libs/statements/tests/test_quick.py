"""The quick reader takes a part of what the full reader takes, and reads it alike."""

import json
from copy import deepcopy
from typing import Annotated, Any, Self

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field, JsonValue, ValidationError, model_validator

from statements import quick
from statements.question import QUESTION, READ_AGAIN
from statements.quick import QuickReader

ID, OTHER_ID = "0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10", "0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a11"
DIGEST = f"sha256:{'0' * 64}"
SUBJECT = {"type": "client", "id": "csu-0df", "properties": {"token": "a.b.c"}}
SENT = {"object": DIGEST, "bytes": 12, "digest": DIGEST}
LINE = {
    "purpose": "COM",
    "data_set": "SUS_APC",
    "classification": "PSEUDO_ANONYMISED",
    "periods": ["2018-04"],
    "fields": ["Sex", "Age_At_Start"],
    "formats": ["parquet", "csv"],
    "filters": [{"column": "Age", "at_least": 18}],
}
FETCH: dict[str, Any] = {
    "subject": SUBJECT,
    "action": {"name": "fetch"},
    "resource": {"type": "holding", "id": ID, "properties": SENT},
    "context": {"delivery_id": OTHER_ID, "renews": ID},
}
REQUEST: dict[str, Any] = {
    "subject": SUBJECT,
    "action": {"name": "request"},
    "resource": {"type": "agreement", "id": "DARS-NIC-123456-A1B2C", "properties": LINE},
    "context": {
        "extract_id": ID,
        "request_digest": DIGEST,
        "landed": {"opt_out_lists": [ID], "editions": {"2018-04": [OTHER_ID]}},
    },
}
RELEASE: dict[str, Any] = {
    "action": {"name": "release"},
    "resource": {"id": "file-1", "properties": {"attestation": "a.b.c"}},
    "context": {"extract_id": ID},
}
USUAL = [FETCH, REQUEST, FETCH | {"context": {}}]
WITHOUT = {n: FETCH[n] for n in FETCH if n != "context"}

TEXTS = ["", "x", "fetch", "request", "release", ID, ID.upper(), ID.replace("-", ""), "client"]
TEXTS += ["holding", "agreement", DIGEST, "999 000 0018", "2018-04", "parquet", "Sex\n"]
NUMBERS = [0, -1, 1.0, 12.0, 1e300, 2**53 + 1, 2**64, 10**30, -(2**63) - 1]
VALUES = st.sampled_from([None, True, *TEXTS, *NUMBERS, [], {}, [{}], [None]])


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where something is in a value of JSON."""
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    return [at, *(p for key, one in inner for p in paths(one, (*at, key)))]


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """A question of which something is another, missing, or too much; or none of it."""
    question = deepcopy(draw(st.sampled_from([*USUAL, WITHOUT, RELEASE])))
    for _ in range(draw(st.integers(0, 2))):
        if not isinstance(question, dict):
            break
        *before, last = draw(st.sampled_from(paths(question)[1:] or [("action",)]))
        place: Any = question
        for key in before:
            place = place[key]
        match draw(st.sampled_from(["set", "remove", "add"])):
            case "remove":
                del place[last]
            case "add" if isinstance(place, dict):
                place[draw(st.sampled_from(["more", "dry_run", "token", "properties"]))] = draw(
                    VALUES
                )
            case _:
                place[last] = draw(VALUES)
    return question


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """The same as somebody may write it: spaced, with members twice, numbers in other words."""
    text = json.dumps(draw(spoilt()), indent=draw(st.none() | st.just(1)))
    for old, new in draw(
        st.lists(
            st.sampled_from(
                [
                    ('"name"', '"name": "fetch", "name"'),
                    ('"context"', '"context": {}, "context"'),
                    ('"context"', '"context": null, "action"'),
                    ('"context"', '"x\\"context"'),
                    ('"context"', '"context": null, "x\\"context"'),
                    ("csu", 'x\\"context": null'),
                    ('"id"', '"id": "y", "id"'),
                    ('"subject"', '"\\u0073ubject"'),
                    (": 12", ": 12.0"),
                    (": 12", ": 1.2e1"),
                    (": 18", ": 18.0"),
                    (": 18", ": 180000000000000000000"),
                    (": 12", ": -0"),
                    (": 12", ": NaN"),
                    ("csu", "\\ud800"),
                    ("csu", "\u00e5"),
                    ("{", "[", 1),
                ]
            ),
            max_size=2,
        ).map(lambda pairs: [pair[:2] for pair in pairs])
    ):
        text = text.replace(old, new)
    cut = draw(st.sampled_from([None, None, None, -1, 0, 10]))
    return text[:cut].encode() + draw(st.sampled_from([b"", b" ", b"\x00", b"\xff"]))


def full(body: bytes) -> Any:
    try:
        return QUESTION.validate_json(body)
    except ValidationError:
        return None


@given(written())
@example(json.dumps(FETCH | {"context": {"delivery_id": "9990000018"}}).encode())
@example(json.dumps(FETCH | {"context": None}).encode())
@example(json.dumps(FETCH).replace('"renews"', '"dry_run": 1, "renews"').encode())
@example(b"[]")
@example(b'"fetch"')
@example(b'{"action": {"name": []}}')
@example(b"[" * 2000)
@example(b'{"action": {"name": "fetch"}, "subject": ' + b"[" * 900 + b"]" * 900 + b"}")
def test_what_is_read_quickly_is_what_the_full_reader_reads(body):
    again = [READ_AGAIN(body), READ_AGAIN(body)]

    for found in again:
        if found is not None:
            assert found == full(body)
            assert found.model_dump() == full(body).model_dump()
            assert found.model_fields_set == full(body).model_fields_set


@pytest.mark.parametrize("question", USUAL)
@pytest.mark.parametrize("parted", [(",", ":"), (", ", ": ")])
def test_usual_questions_are_read_quickly_and_once(question, parted):
    reader = QuickReader(READ_AGAIN_KINDS, new="context")
    body = json.dumps(question, separators=parted).encode()
    assert reader(body) == full(body)

    another = json.dumps(question | {"context": {"dry_run": False}}, separators=parted).encode()

    assert reader(another) == full(another)
    assert (reader._rest.cache_info().misses, reader._rest.cache_info().hits) == (1, 1)


READ_AGAIN_KINDS = {
    kind: type(QUESTION.validate_python(question))
    for kind, question in (("fetch", FETCH), ("request", REQUEST))
}


@pytest.mark.parametrize(
    "body",
    [
        *(json.dumps(RELEASE).encode(), b"", b"{}", b"null", b"\xff"),
        *(json.dumps(WITHOUT).encode(), json.dumps({"context": {}} | WITHOUT).encode()),
        json.dumps(FETCH).encode() + b" ",
        # What is new looks like the last member, and is the end of another one's name.
        json.dumps(WITHOUT)[:-1].encode() + b', "context": null, "x\\"context": {}}',
        json.dumps(WITHOUT)[:-1].encode() + b', "context": {}, "x\\"context": {}}',
        json.dumps(WITHOUT)[:-1].encode() + b', "context": {}, "x": {"context": {}}}',
    ],
)
def test_whatever_else_comes_is_left_to_the_full_reader(body):
    assert READ_AGAIN(body) is None


class Action(BaseModel):
    name: str


class Context(BaseModel):
    model_config = {"extra": "forbid"}

    size: int | str = 0
    any: JsonValue = None
    note: Annotated[str, Field(max_length=1)] = ""


class Kind(BaseModel):
    """With rules of every sort: of a member, of a member's value, and over several."""

    model_config = {"extra": "forbid"}

    action: Action
    size: Annotated[int, Field(ge=2)] = 2
    text: str = ""
    any: JsonValue = None
    context: Annotated[Context, AfterValidator(lambda c: c if c.size != 7 else fail())] = Context()

    @model_validator(mode="after")
    def _is_no_nine(self) -> Self:
        return fail() if self.size == 9 and self.context.size in (0, 9) else self


def fail() -> Any:
    raise ValueError("refused")


SIZES = st.sampled_from([0, 1, 2, 7, 9, 2.0, 2.5, 2**53, 2**63, 2**64, 10**22, 1e22, "2", None])

ANY = SIZES | st.lists(SIZES, max_size=2) | st.dictionaries(st.just("a"), SIZES)


@given(
    st.fixed_dictionaries(
        {"action": st.just({"name": "kind"})},
        optional={
            "size": SIZES,
            "text": st.sampled_from(["x", "y" * quick.REST_BYTES_MAX]),
            "any": ANY,
            "more": st.just(1),
            "context": st.fixed_dictionaries(
                {},
                optional={
                    "size": SIZES,
                    "any": ANY,
                    "note": st.sampled_from(["a", "ab"]),
                    "more": st.just(1),
                },
            ),
        },
    )
)
@example({"action": {"name": "kind"}, "size": 9, "context": {"size": 9}})
@example({"action": {"name": "kind"}, "context": {"size": 7}})
@example({"action": {"name": "kind"}, "size": 9})
@example({"action": {"name": "kind"}, "context": {"any": 10**22 + 1}})
@example({"action": {"name": "kind"}, "any": [10**22 + 1]})
@example({"action": {"name": "kind"}, "any": {"a": 10**22 + 1}})
def test_every_rule_holds_wherever_it_stands(question):
    reader = QuickReader({"kind": Kind}, new="context")
    body = json.dumps(question).encode()
    try:
        expected = Kind.model_validate_json(body)
    except ValidationError:
        expected = None

    for found in (reader(body), reader(body)):
        assert found is None or found == expected


def test_a_long_question_is_not_kept():
    reader = QuickReader({"kind": Kind}, new="context")

    def asked(length: int) -> bytes:
        kind = {"action": {"name": "kind"}, "text": "x" * length, "context": {}}
        return json.dumps(kind).encode()

    assert reader(asked(quick.REST_BYTES_MAX // 2)) is not None
    assert reader(asked(quick.REST_BYTES_MAX)) is None
    assert reader._rest.cache_info().currsize == 1
