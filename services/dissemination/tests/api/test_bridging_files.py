"""Bridging files over HTTP: asked for, decided, released and fetched by the same door."""

from common.db import tables as shared
from common.ids import new_id
from dissemination.db.tables import RegisterLineRow
from services.dissemination.tests.api.test_standings import line_of, told
from services.dissemination.tests.conftest import REFERENCE, until

OTHER = "DARS-NIC-654321-Z9Y8X"
WANTED = {
    "agreement": REFERENCE,
    "purpose": "COM",
    "data_set": "SUS_APC",
    "bridge": {"agreement": OTHER, "purpose": "COM", "data_set": "SUS_OP"},
    "periods": ["2018-04"],
    "formats": ["parquet"],
}
PATH = "/v1/bridging-files"


def ask(house, *, headers=None, **changes):
    return house.call("POST", PATH, json=WANTED | changes, headers=headers or {})


def released(house):
    answer = ask(house)
    assert answer.status_code == 202, answer.text
    id_ = answer.json()["id"]

    def there():
        found = house.call("GET", f"{PATH}/{id_}").json()
        return found if found["state"] == "released" else None

    return until(there)


def test_what_is_asked_of_agreements_is_the_pair_of_lines_and_no_field(house):
    answer = ask(house)

    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"{PATH}/{answer.json()['id']}"
    (asked,) = house.agreements.questions("request")
    properties = asked.resource["properties"]
    assert properties["bridge"] == {
        **WANTED["bridge"],
        "classification": "PSEUDO_ANONYMISED",
    }
    assert (properties["fields"], properties["classification"]) == ([], "PSEUDO_ANONYMISED")
    assert answer.json()["bridge"] == WANTED["bridge"]


def test_it_is_released_fetched_and_in_the_register_as_an_extract_is(house):
    made = released(house)
    (file,) = made["files"]

    manifest = house.call("GET", file["manifest"]).json()["manifest"]
    content = house.call("GET", file["content"])

    assert content.status_code == 200
    assert manifest["bridge"]["agreement"]["reference"] == OTHER
    assert [column["name"] for column in manifest["file"]["columns"]] == ["Token", "Other_Token"]
    rows = house.rows(RegisterLineRow.file_id, RegisterLineRow.bridged)
    assert [row.bridged for row in rows if str(row.file_id) == file["id"]] == [
        f"SUS_OP for COM under {OTHER}"
    ]
    listed = house.call("GET", f"{PATH}/{made['id']}/files").json()["items"]
    assert [one["id"] for one in listed] == [file["id"]]
    assert made["id"] in [one["id"] for one in house.call("GET", PATH).json()["items"]]
    # The editions of both lines are pinned: when one is replaced it is marked.
    assert {one["id"] for one in made["editions"]} == {"edition-1", "edition-of-the-other"}


def test_it_is_neither_an_extract_nor_a_table_and_these_are_none(house):
    made = ask(house).json()["id"]
    extract = house.ask().json()["id"]

    for path, code in (
        (f"/v1/extracts/{made}", "EXTRACT_NOT_FOUND"),
        (f"/v1/tabulations/{made}", "TABULATION_NOT_FOUND"),
        (f"{PATH}/{extract}", "BRIDGING_FILE_NOT_FOUND"),
        (f"{PATH}/{extract}/files", "BRIDGING_FILE_NOT_FOUND"),
    ):
        answer = house.call("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    gone = house.call("POST", f"{PATH}/{extract}/withdrawal")
    assert (gone.status_code, gone.json()["code"]) == (404, "BRIDGING_FILE_NOT_FOUND")


def test_the_same_key_is_the_same_file_and_no_second_permit(house):
    headers = {"Idempotency-Key": "bridging-1"}
    first = ask(house, headers=headers).json()["id"]

    assert ask(house, headers=headers).json()["id"] == first
    assert len(house.agreements.questions("request")) == 1
    other = ask(house, headers=headers, periods=["2018-05"])
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


def test_a_refusal_is_told_whole_and_what_is_not_of_two_lines_is_none(house):
    house.agreements.refuse("request", "BRIDGING_FILE_GIVEN")
    answer = ask(house)
    assert answer.status_code == 403
    assert [one["code"] for one in answer.json()["refusals"]] == ["BRIDGING_FILE_GIVEN"]

    own = {name: WANTED[name] for name in ("agreement", "purpose", "data_set")}
    for changes in (
        {"bridge": own},
        {"bridge": {"agreement": OTHER, "purpose": "COM"}},
        {"formats": ["xlsx"]},
        {"fields": ["Sex"]},
    ):
        assert ask(house, **changes).status_code == 422


def say_of_the_other(house, verb, state):
    """What agreements says of the other agreement, heard."""
    event = told(house, verb, state, of=new_id(), reference=OTHER)
    house.publish(event)
    until(lambda: (event.id,) in house.rows(shared.inbox.c.event_id))


def availability(house, made):
    found = house.call("GET", f"{PATH}/{made['id']}").json()
    line = line_of(house, made)
    assert line["Status"] == found["availability"]["state"]
    return found["state"], found["availability"]["state"], found["availability"]["code"]


def test_it_stands_as_either_of_its_agreements_does(house):
    """Guards: `ExtractRequest.lines` in `status`, `SqlExtracts.released_under`."""
    made, extract = released(house), house.released()
    assert availability(house, made) == ("released", "current", None)

    say_of_the_other(house, "held", "SUSPENDED")
    assert availability(house, made) == ("released", "suspended", "DSFC_NOT_IN_FORCE")
    assert house.extract(extract["id"])["availability"]["state"] == "current"

    say_of_the_other(house, "expired", "EXPIRED")
    assert availability(house, made) == ("withdrawn", "withdrawn", "DSA_NOT_ACTIVE")
    assert house.extract(extract["id"])["availability"]["state"] == "current"


def test_where_the_other_agreement_is_over_when_it_is_released_it_is_withdrawn_at_once(house):
    """Guard: `releases.release` looks at the standing of both."""
    say_of_the_other(house, "terminated", "TERMINATED")
    id_ = ask(house).json()["id"]

    def there():
        found = house.call("GET", f"{PATH}/{id_}").json()
        return found if found["state"] == "withdrawn" else None

    assert until(there)["availability"]["code"] == "DSA_NOT_ACTIVE"
