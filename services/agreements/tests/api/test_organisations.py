"""Organisations, transfers, maps and recipient environments over HTTP."""

from dataclasses import replace

import pytest

from agreements.records.use_cases.context import own
from common.ids import digest
from common.security.roles import Role
from services.agreements.tests.facts import CCG, CSU, OTHER_CSU

HEADER = "ods,name,kind,legal_entity,parent,valid_from,valid_to\n"
PRACTICES = "practice,commissioner\nC85001,02P\nA84001,00L\n"


def code(answer):
    return answer.status_code, answer.json().get("code")


def plain(answer):
    """What an import says of the list, without what is said of the import itself."""
    return {name: value for name, value in answer.items() if name not in ("id", "standing")}


def imported(service, rows, layout="dsfc"):
    return service.upload(
        "/v1/organisations/imports",
        HEADER + rows,
        Role.REFERENCE_DATA_MANAGER,
        layout=layout,
    )


def test_an_import_says_what_it_changed_and_the_same_again_changes_nothing(service):
    rows = "0DF,SCW CSU,CSU,,,2013-04-01,\n0CX,ML CSU,CSU,,,2013-04-01,\n"

    first = imported(service, rows).json()
    again = imported(service, rows).json()
    changed = imported(service, "0DF,South Central and West,CSU,,,2013-04-01,\n").json()
    moved = imported(service, "0DF,South Central and West,CSU,,,2014-04-01,\n").json()

    nothing = {"lines": 0, "repeated": 0, "named": []}
    counts = {"layout": "dsfc", "listed": 2, "changed": 0, "left_out": nothing}
    assert plain(first) == counts | {"added": 2, "unchanged": 0}
    assert plain(again) == counts | {"added": 0, "unchanged": 2}
    assert first["standing"]["state"] == again["standing"]["state"] == "accepted"
    assert changed["changed"] == 1
    assert (moved["added"], moved["changed"]) == (1, 1)
    found = service.get("/v1/organisations", Role.CSU_SYSTEM, kind="CSU").json()["items"]
    assert [(o["ods"], o["valid_from"]) for o in found] == [
        ("0CX", "2013-04-01"),
        ("0DF", "2014-04-01"),
    ]
    assert len(service.pauses) == 4


def test_an_odd_line_and_a_contradiction_change_nothing_and_every_line_is_named(service):
    csu = "0DF,SCW CSU,CSU,,,2013-04-01,\n"
    contradicting = imported(service, csu + csu.replace("SCW", "Other"))

    assert code(contradicting) == (422, "IMPORT_CONTRADICTS")
    assert [error["line"] for error in contradicting.json()["errors"]] == [2, 3]
    assert contradicting.json()["errors_total"] == 2
    assert code(imported(service, "0CX,ML,CLUB,,,2013-04-01,\n")) == (422, "IMPORT_REFUSED")
    assert service.get("/v1/organisations", Role.AUDITOR).json()["items"] == []
    assert service.audited() == []

    odd = imported(service, csu + "0CX,ML,CLUB,,,2013-04-01,\n0CX,ML,CSU,,,2013-02-29,\n")
    assert code(odd) == (422, "IMPORT_REFUSED")
    assert [(no["line"], no["column"]) for no in odd.json()["errors"]] == [
        (3, "kind"),
        (4, "valid_from"),
    ]
    assert service.audited() == []


def test_no_stretch_of_a_code_ends_by_a_line_that_cannot_be_taken(service):
    """Of a code that it names the list is the whole: left out, a stretch would have been unsaid."""
    imported(service, "0DF,SCW,CSU,,,2013-04-01,2018-03-31\n0DF,SCW,CSU,,,2018-04-01,\n")

    odd = imported(service, "0DF,SCW,CSU,,,2013-04-01,2018-03-31\n0DF,SCW,CSU,,,2018-O4-01,\n")

    assert code(odd) == (422, "IMPORT_REFUSED")
    assert service.get("/v1/organisations/0DF", Role.AUDITOR, as_at="2018-04-01").is_success


@pytest.mark.parametrize(
    "second", ["2018-03-31,2019-03-31", "2018-03-31,", "2015-04-01,2016-03-31"]
)
def test_a_code_that_is_two_things_on_a_day_is_no_list(service, second):
    answer = imported(
        service,
        f"0DF,SCW,CSU,,,2013-04-01,2018-03-31\n0CX,ML,CSU,,,2013-04-01,\n0DF,SCW,CCG,,,{second}\n",
    )

    assert code(answer) == (422, "IMPORT_CONTRADICTS")
    assert [(no["line"], no["column"]) for no in answer.json()["errors"]] == [
        (2, "valid_from"),
        (4, "valid_from"),
    ]
    assert service.audited() == []


def test_a_list_larger_than_the_limit_and_one_that_is_not_csv_are_refused(service):
    path = "/v1/organisations/imports?layout=etr"
    headers = service.headers(Role.REFERENCE_DATA_MANAGER)

    large = service.client.post(
        path, headers=headers | {"Content-Type": "text/csv"}, content=b"x" * 67_108_865
    )
    as_json = service.client.post(path, headers=headers, json=[])

    assert code(large) == (413, "TOO_LARGE")
    assert as_json.status_code in {415, 422}


def test_an_organisation_is_what_it_is_on_a_day(seeded):
    def on(day):
        return seeded.get(f"/v1/organisations/{CCG}", Role.SERVICE_APPLICATIONS, as_at=day)

    before, since = on("2022-06-30").json(), on("2022-07-01").json()
    assert (before["kind"], before["legal_entity"], before["successor"]) == ("CCG", CCG, None)
    assert (since["kind"], since["legal_entity"]) == ("SUB_ICB_LOCATION", "QF7")
    assert code(on("2013-03-31")) == (404, "ORGANISATION_NOT_FOUND")
    assert seeded.get(f"/v1/organisations/{CCG}", Role.CSU_SYSTEM).json()["kind"] == "CCG"


TRANSFER = {
    "predecessor": CCG,
    "successor": "QF7",
    "effective_from": "2022-07-01",
    "evidence": "Transfer scheme",
}


def test_a_transfer_is_recorded_once_for_one_key(seeded):
    path = "/v1/transfer-instruments"
    first = seeded.post(path, Role.CONTRACT_MANAGER, TRANSFER, key="k")
    again = seeded.post(path, Role.CONTRACT_MANAGER, TRANSFER, key="k")
    unknown = seeded.post(path, Role.CONTRACT_MANAGER, TRANSFER | {"successor": "99Z"})

    assert first.json() == again.json()
    assert code(unknown) == (422, "ORGANISATION_UNKNOWN")
    assert seeded.get(path, Role.AUDITOR).json()["items"] == [first.json() | {"not_as_sealed": []}]
    shown = seeded.get(f"/v1/organisations/{CCG}", Role.AUDITOR, as_at="2022-07-01").json()
    assert shown["successor"] == "QF7"


def test_what_passed_by_an_instrument_is_known_to_the_successor(seeded):
    seeded.draft()
    path = "/v1/agreements"
    seeded.clock.advance(days_until_2022(seeded))

    assert seeded.get(path, Role.CONTROLLER_SIGNATORY, "QF7").json()["items"] == []
    seeded.post("/v1/transfer-instruments", Role.CONTRACT_MANAGER, TRANSFER)
    assert len(seeded.get(path, Role.CONTROLLER_SIGNATORY, "QF7").json()["items"]) == 1


def test_who_calls_under_a_long_form_of_its_code_is_itself(seeded):
    seeded.draft()

    def seen(ods):
        found = seeded.get("/v1/agreements", Role.CONTROLLER_SIGNATORY, ods).json()["items"]
        return len(found)

    assert seen(CCG) == seen(f"{CCG}00") == 1
    assert seen("00L00") == seen("ZZZ00") == 0


def days_until_2022(service):
    from datetime import UTC, datetime

    return datetime(2022, 7, 2, tzinfo=UTC) - service.clock.now()


# Maps


def upload_map(service, content=PRACTICES, kind="practice", valid_from="2018-04-01"):
    return service.upload(
        "/v1/maps", content, Role.REFERENCE_DATA_MANAGER, kind=kind, valid_from=valid_from
    )


def test_a_map_never_changes_and_its_bytes_have_its_digest(service):
    first = upload_map(service).json()
    again = upload_map(service, "commissioner,practice\n00L,a84001\n02P,C85001\n").json()
    later = upload_map(service, valid_from="2019-04-01").json()
    entries = service.get(f"/v1/maps/{first['id']}/entries", Role.SERVICE_PSEUDONYMISATION)

    assert again == first
    assert first["standing"]["state"] == "accepted"
    assert later["id"] != first["id"]
    assert later["digest"] == first["digest"]
    assert entries.text == "practice,commissioner\nA84001,00L\nC85001,02P\n"
    assert entries.headers["digest-sha256"] == digest(entries.content) == first["digest"]
    assert entries.headers["content-type"].startswith("text/csv")
    shown = service.get(f"/v1/maps/{first['id']}", Role.DSCRO_OPERATOR).json()
    assert shown.pop("not_as_sealed") == []
    assert shown.items() <= first.items()


def test_the_map_that_governs_on_a_day_is_found(service):
    first = upload_map(service).json()
    second = upload_map(service, valid_from="2019-04-01").json()
    postcodes = upload_map(
        service, "postcode,commissioner,lsoa\nS75 2PY,02P,E01007317\n", "postcode"
    ).json()

    def governing(**query):
        found = service.get("/v1/maps", Role.SERVICE_PSEUDONYMISATION, **query).json()["items"]
        return [m["id"] for m in found]

    assert governing(kind="practice", as_at="2018-03-31") == []
    assert governing(kind="practice", as_at="2019-03-31") == [first["id"]]
    assert governing(as_at="2019-04-01") == [second["id"], postcodes["id"]]
    assert governing(kind="practice") == [first["id"], second["id"]]


def test_a_map_longer_than_a_piece_comes_back_whole(service):
    practices = [f"P{number:05d},02P" for number in range(100_000)]
    stored = upload_map(service, "practice,commissioner\n" + "\n".join(practices)).json()

    entries = service.get(f"/v1/maps/{stored['id']}/entries", Role.SERVICE_PSEUDONYMISATION)
    assert stored["entries"] == 100_000
    assert len(entries.content) == stored["bytes"] > 1_000_000
    assert digest(entries.content) == stored["digest"]


def test_what_is_no_map_is_refused_and_a_map_that_is_not_there_is_404(service):
    missing = "/v1/maps/019a0000-0000-7000-8000-000000000000"

    refused = upload_map(service, "postcode,commissioner,lsoa\nS75 2P,02P,\n", "postcode")
    assert code(refused) == (422, "IMPORT_REFUSED")
    assert "S75" not in refused.text
    assert code(service.get(missing, Role.AUDITOR)) == (404, "MAP_NOT_FOUND")
    assert code(service.get(f"{missing}/entries", Role.AUDITOR)) == (404, "MAP_NOT_FOUND")


DIRECTORY = """pcds,doterm,oscty,oslaua,osward,lsoa11,msoa11,ccg
S70 1AA,,E99999999,E08000016,E05000993,E01007317,E02001513,E38000006
NE61 1AA,200106,E10000020,E07000104,E05000994,E01007318,E02001514,E38000007
JE2 3AB,,L99999999,L99999999,L99999999,L99999999,L99999999,L99999999
"""


def test_a_published_directory_is_taken_in_by_either_way_as_one_map(service):
    sent = service.upload(
        "/v1/postcode-directories",
        DIRECTORY,
        Role.REFERENCE_DATA_MANAGER,
        valid_from="2018-02-24",
    )
    again = upload_map(service, DIRECTORY, "postcode", "2018-02-24")

    assert sent.status_code == 201, sent.text
    assert sent.json() == again.json()
    assert sent.json()["left_out"]["lines"] == 1
    entries = service.get(f"/v1/maps/{sent.json()['id']}/entries", Role.SERVICE_PSEUDONYMISATION)
    assert digest(entries.content) == sent.json()["digest"]
    assert entries.text.splitlines()[1] == (
        "NE61 1AA,E38000007,E01007318,E02001514,E05000994,E07000104,E10000020"
    )


def test_deciles_of_deprivation_are_a_map_by_lsoa(service):
    sent = upload_map(service, "lsoa,decile\nE01007317,3\n", "deprivation", "2015-09-30").json()

    query = {"kind": "deprivation", "as_at": "2018-04-01"}
    found = service.get("/v1/maps", Role.SERVICE_PSEUDONYMISATION, **query).json()["items"]
    assert [m["id"] for m in found] == [sent["id"]]


def practices(number, *, to="02P"):
    rows = "".join(f"A{n:05d},{to if n < 50 else '00L'}\n" for n in range(number))
    return "practice,commissioner\n" + rows


def decided(service, sent, what="confirmation", who="second"):
    path = f"/v1/maps/{sent['id']}/{what}"
    return service.post(path, Role.CONTRACT_MANAGER, {"reason": "It was compared."}, who=who)


def governing_at(service, day="2019-04-01"):
    query = {"kind": "practice", "as_at": day}
    found = service.get("/v1/maps", Role.SERVICE_PSEUDONYMISATION, **query).json()["items"]
    return [m["id"] for m in found]


def test_a_map_that_changes_much_waits_and_the_former_one_governs(service):
    first = upload_map(service, practices(100)).json()
    sent = upload_map(service, practices(100, to="26A"), valid_from="2019-04-01").json()

    assert sent["standing"]["state"] == "waiting"
    assert sent["standing"]["change"] == {
        "before": 100,
        "after": 100,
        "added": 0,
        "removed": 0,
        "changed": 50,
    }
    assert governing_at(service) == [first["id"]]
    waiting = service.get("/v1/maps", Role.AUDITOR, state="waiting").json()["items"]
    assert [m["id"] for m in waiting] == [sent["id"]]
    confirmed = decided(service, sent).json()
    assert confirmed["standing"]["state"] == "confirmed"
    assert governing_at(service) == [sent["id"]]
    assert governing_at(service, "2019-03-31") == [first["id"]]
    assert code(decided(service, sent)) == (409, "REPLACEMENT_DECIDED")


def test_a_map_of_a_few_lines_in_the_place_of_many_waits(service):
    first = upload_map(service, practices(100)).json()
    sent = upload_map(service, practices(1)).json()

    assert sent["standing"]["state"] == "waiting"
    assert governing_at(service) == [first["id"]]
    assert decided(service, sent, "withdrawal").json()["standing"]["state"] == "taken_back"
    again = upload_map(service, practices(1)).json()
    assert again["id"] != sent["id"], "what was taken back is sent anew"
    assert again["standing"]["state"] == "waiting"


def test_a_map_in_force_is_taken_back_by_two_and_the_former_one_governs_again(service):
    first = upload_map(service, practices(100)).json()
    second = upload_map(service, practices(100, to="26A")).json()
    decided(service, second)

    leaving = decided(service, second, "withdrawal").json()
    assert leaving["standing"]["state"] == "leaving"
    assert governing_at(service) == [second["id"]]
    assert code(decided(service, second, "withdrawal")) == (409, "SECOND_PERSON_NEEDED")
    gone = decided(service, second, "withdrawal", who="third").json()
    assert gone["standing"]["state"] == "taken_back"
    assert governing_at(service) == [first["id"]]


def test_a_later_map_for_the_same_day_takes_the_place_of_one_that_waits(service):
    upload_map(service, practices(100))
    sent = upload_map(service, practices(100, to="26A")).json()
    later = upload_map(service, practices(100, to="14L")).json()

    shown = service.get(f"/v1/maps/{sent['id']}", Role.AUDITOR).json()
    assert shown["standing"]["state"] == "superseded"
    assert later["standing"]["state"] == "waiting"


def test_a_map_is_not_let_in_where_another_governs_by_now_than_it_was_held_against(service):
    upload_map(service, practices(200)).json()
    sent = upload_map(service, practices(200, to="26A"), valid_from="2019-04-01").json()
    assert sent["standing"]["state"] == "waiting"
    between = upload_map(service, practices(205), valid_from="2018-12-01").json()
    assert between["standing"]["state"] == "accepted"

    assert code(decided(service, sent)) == (409, "REPLACEMENT_OUTDATED")

    assert governing_at(service) == [between["id"]]
    again = upload_map(service, practices(200, to="26A"), valid_from="2019-04-01").json()
    assert again["id"] != sent["id"], "the same map is another replacement now"
    assert again["standing"]["change"]["removed"] == 5
    assert decided(service, again).json()["standing"]["state"] == "confirmed"
    assert code(decided(service, sent)) == (409, "REPLACEMENT_DECIDED")


def test_taking_a_map_back_gives_what_two_were_shown_or_begins_again(service):
    upload_map(service, practices(200, to="14L"))
    first = upload_map(service, practices(200)).json()
    decided(service, first)
    second = upload_map(service, practices(200, to="26A")).json()
    decided(service, second)
    assert decided(service, second, "withdrawal").json()["standing"]["state"] == "leaving"
    for who in ("third", "fourth"):
        gone = decided(service, first, "withdrawal", who=who).json()
    assert gone["standing"]["state"] == "taken_back"

    again = decided(service, second, "withdrawal", who="third").json()

    assert again["standing"]["state"] == "leaving", "another map would govern than was shown"
    gone = decided(service, second, "withdrawal", who="fourth").json()
    assert gone["standing"]["state"] == "taken_back"


def moved(first, last):
    """A map in which some practices went to another commissioner."""
    rows = (f"A{n:05d},{'26A' if first <= n < last else '02P'}\n" for n in range(200))
    return "practice,commissioner\n" + "".join(rows)


def standing(answer):
    return answer.json()["standing"]["state"]


def test_maps_that_change_a_little_every_time_wait_when_much_has_changed(service):
    upload_map(service, moved(0, 0))

    assert standing(upload_map(service, moved(0, 15))) == "accepted"
    assert standing(upload_map(service, moved(0, 20))) == "accepted"
    waiting = upload_map(service, moved(0, 35))

    assert standing(waiting) == "waiting"
    assert waiting.json()["standing"]["change"]["changed"] == 35
    decided(service, waiting.json())
    assert standing(upload_map(service, moved(0, 50))) == "accepted", "two people looked"


def test_what_went_and_came_back_is_no_change_and_what_moved_on_counts(service):
    upload_map(service, moved(0, 0))
    upload_map(service, moved(0, 20))

    assert standing(upload_map(service, moved(0, 0))) == "accepted"
    assert standing(upload_map(service, moved(10, 30))) == "accepted"
    assert standing(upload_map(service, moved(30, 50))) == "waiting"


def test_maps_of_one_hour_are_one_change_whichever_day_each_is_of(service):
    upload_map(service, moved(0, 0), valid_from="2017-04-01")
    assert standing(upload_map(service, moved(0, 15), valid_from="2017-07-01")) == "accepted"
    assert standing(upload_map(service, moved(0, 30), valid_from="2017-10-01")) == "waiting"


def test_what_was_taken_in_before_the_window_is_no_change_of_it(service):
    upload_map(service, moved(0, 0))
    upload_map(service, moved(0, 15))
    service.clock.advance(93 * 24 * 3600)

    assert standing(upload_map(service, moved(0, 30))) == "accepted"
    assert standing(upload_map(service, moved(0, 40))) == "waiting"


# Recipient environments

ENVIRONMENT = {"organisation": CSU, "kind": "analytics", "clients": ["scw-analytics"]}


def opened(service, **changes):
    return service.post("/v1/recipient-environments", Role.CONTRACT_MANAGER, ENVIRONMENT | changes)


def test_an_environment_is_opened_once_and_gathers_its_clients(seeded):
    first = opened(seeded).json()
    again = opened(seeded, clients=["scw-analytics", "scw-reports"]).json()
    path = f"/v1/recipient-environments/{first['id']}/clients"
    added = seeded.post(path, Role.CONTRACT_MANAGER, {"clients": ["scw-batch"]}).json()

    assert again["id"] == first["id"]
    assert added["clients"] == ["scw-analytics", "scw-batch", "scw-reports"]


def test_an_environment_is_its_owners_in_whichever_form_the_code_is_written(seeded):
    first = opened(seeded, organisation=CCG).json()
    again = opened(seeded, organisation=f"{CCG}00").json()

    assert (again["id"], again["organisation"]) == (first["id"], CCG)


@pytest.mark.parametrize("kind", ["ceff", "analytics"])
def test_a_client_belongs_to_one_environment(seeded, kind):
    opened(seeded)
    other = CSU if kind == "ceff" else OTHER_CSU

    answer = opened(seeded, organisation=other, kind=kind)
    assert code(answer) == (409, "CLIENT_IN_ANOTHER_ENVIRONMENT")
    assert len(seeded.get("/v1/recipient-environments", Role.AUDITOR).json()["items"]) == 1


def test_a_client_that_was_taken_out_may_belong_elsewhere(seeded):
    first = opened(seeded).json()
    path = f"/v1/recipient-environments/{first['id']}/clients/scw-analytics"
    headers = seeded.headers(Role.CONTRACT_MANAGER)
    seeded.pauses.clear()

    removed = seeded.client.delete(path, headers=headers)
    again = seeded.client.delete(path, headers=headers)

    assert removed.json()["clients"] == again.json()["clients"] == []
    assert len(seeded.pauses) == 2
    assert opened(seeded, organisation=OTHER_CSU).status_code == 201


def test_an_environment_that_is_not_there_is_404(seeded):
    path = "/v1/recipient-environments/019a0000-0000-7000-8000-000000000000/clients"
    headers = seeded.headers(Role.CONTRACT_MANAGER)

    added = seeded.post(path, Role.CONTRACT_MANAGER, {"clients": ["x"]})
    removed = seeded.client.delete(f"{path}/x", headers=headers)
    assert code(added) == code(removed) == (404, "ENVIRONMENT_NOT_FOUND")
    assert code(opened(seeded, organisation="99Z")) == (422, "ORGANISATION_UNKNOWN")


def test_one_sees_the_environments_of_ones_own_organisation(seeded):
    opened(seeded)
    opened(seeded, organisation=OTHER_CSU, clients=[])

    def seen(role, ods=None, **query):
        found = seeded.get("/v1/recipient-environments", role, ods, **query).json()
        return [e["organisation"] for e in found["items"]]

    assert seen(Role.CSU_SYSTEM) == [CSU]
    assert seen(Role.CSU_SYSTEM, OTHER_CSU) == [OTHER_CSU]
    assert seen(Role.CSU_SYSTEM, CCG) == []
    assert seen(Role.SERVICE_DISSEMINATION) == [CSU, OTHER_CSU]
    first = seeded.get("/v1/recipient-environments", Role.AUDITOR, limit=1).json()
    assert seen(Role.AUDITOR, after=first["next"]) == [OTHER_CSU]


# The map of organisations' codes

CODES = (
    "02P,NHS Barnsley CCG,CCG,,,2013-04-01,2022-06-30\n"
    "RJE,A Trust,NHS_TRUST,,,2013-04-01,\n"
    "RJE01,A site of it,SITE,RJE,RJE,2013-04-01,\n"
    "13Q,Hub 1,NHS_ENGLAND_HUB,X26,Q99,2013-04-01,\n"
)


def organisation_map(service, day="2018-04-01"):
    found = service.get(
        "/v1/maps", Role.SERVICE_PSEUDONYMISATION, kind="organisation", as_at=day
    ).json()
    [one] = found["items"]
    entries = service.get(f"/v1/maps/{one['id']}/entries", Role.SERVICE_PSEUDONYMISATION)
    return one, entries


def test_the_map_of_organisations_is_made_for_a_day_and_kept(service):
    imported(service, CODES)
    one, entries = organisation_map(service)
    again, _ = organisation_map(service)

    assert again == one
    assert (one["kind"], one["valid_from"]) == ("organisation", "2018-04-01")
    assert one["digest"] == digest(entries.content) == entries.headers["digest-sha256"]
    lines = entries.text.splitlines()
    assert lines[0] == "code,entity,meaning,standing"
    assert one["entries"] == len(lines) - 1
    assert {"02P00,02P,,open", "RJE01,RJE,,open", "13Q00,X24,,open"} <= set(lines)
    assert "VPP00,,private_or_overseas_liable," in lines
    assert service.audited().count("map-made") == 1


def test_a_map_of_organisations_stays_as_it_was_when_the_lists_change(service):
    imported(service, CODES)
    one, entries = organisation_map(service)
    imported(service, "RJE01,A site of another,SITE,R0A,R0A,2013-04-01,\n")
    other, changed = organisation_map(service)

    assert other["id"] != one["id"]
    assert "RJE01,R0A,,open" in changed.text.splitlines()
    path = f"/v1/maps/{one['id']}/entries"
    assert service.get(path, Role.SERVICE_PSEUDONYMISATION).content == entries.content


def test_the_map_of_organisations_is_as_at_its_day(service):
    imported(service, CODES)
    before, old = organisation_map(service, "2023-01-31")
    since, new = organisation_map(service, "2023-02-01")

    assert before["id"] != since["id"]
    assert "13Q,X24,,open" in old.text.splitlines()
    assert "13Q,X26,,open" in new.text.splitlines()
    assert "02P00,02P,,closed" in new.text.splitlines()


def test_the_map_of_organisations_is_never_sent(service):
    answer = upload_map(service, "code,entity\n02P00,00L\n", kind="organisation")

    assert answer.status_code == 422
    assert answer.json()["code"] == "INVALID_REQUEST"


def test_a_code_is_answered_as_the_one_that_stands_for_itself(service):
    imported(service, CODES)

    def shown(code, day="2018-04-01"):
        found = service.get(f"/v1/organisations/{code}", Role.SERVICE_DISSEMINATION, as_at=day)
        return found.json()

    assert [(shown(c)["ods"], shown(c)["own"]) for c in ("02P", "02P00", "RJE01", "13Q00")] == [
        ("02P", "02P"),
        ("02P", "02P"),
        ("RJE01", "RJE"),
        ("13Q", "13Q"),
    ]
    closed = shown("02P00", "2023-04-01")
    assert (closed["code"], closed["own"]) == ("ORGANISATION_NOT_FOUND", "02P")
    assert shown("Y00500")["own"] == "Y00500"


def test_who_is_not_in_ods_is_recorded_by_company_number(service):
    right = (
        "1234567,A Supplier Ltd,SUPPLIER,,,2013-04-01,\n"
        "sc123456,A Scottish Supplier Ltd,SUPPLIER,,,2013-04-01,\n"
    )
    sent = imported(
        service,
        f"{right}SC12345,No Number Ltd,SUPPLIER,,,2013-04-01,\n"
        "COMPANY1,No Number Either Ltd,SUPPLIER,,,2013-04-01,\n",
    )

    assert code(sent) == (422, "IMPORT_REFUSED")
    named = sent.json()["errors"]
    assert [(place["line"], place["column"]) for place in named] == [(4, "ods"), (5, "ods")]
    assert all("Companies House" in place["detail"] for place in named)
    imported(service, right)
    for written, number in (("01234567", "01234567"), ("1234567", "01234567")):
        found = service.get(f"/v1/organisations/{written}", Role.SERVICE_APPLICATIONS).json()
        assert (found["ods"], found["own"], found["name"]) == (number, number, "A Supplier Ltd")
    assert service.get("/v1/organisations/SC123456", Role.AUDITOR).status_code == 200
    for written in ("SC12345", "COMPANY1"):
        answer = service.get(f"/v1/organisations/{written}", Role.AUDITOR)
        assert code(answer) == (404, "ORGANISATION_NOT_FOUND")


def test_what_counts_for_an_organisation_is_found_by_whichever_of_its_codes(seeded):
    agreed = seeded.active()
    asked = {"organisation": f"{CCG}00"}

    contracts = seeded.get("/v1/contracts", Role.SERVICE_APPLICATIONS, **asked).json()["items"]
    assured = seeded.get("/v1/assurance", Role.SERVICE_APPLICATIONS, **asked).json()
    plain = seeded.get("/v1/assurance", Role.SERVICE_APPLICATIONS, organisation=CCG).json()

    assert [c["organisation"] for c in contracts] == [CCG]
    assert assured == plain
    path = f"/v1/agreements/{agreed['reference']}"
    for role in (Role.CONTROLLER_SIGNATORY, Role.CSU_SYSTEM):
        assert seeded.get(path, role, f"{CCG}00").status_code == 200


def test_a_document_that_names_the_longer_form_is_its_organisation_s(service):
    imported(service, CODES)
    with service.parts.uow.reading() as tx:
        ctx = replace(service.parts.context(Role.CONTROLLER_SIGNATORY))
        ctx = replace(ctx, principal=replace(ctx.principal, organisation="02P"))
        assert own(tx, ctx) == {"02P", "02P00"}
        ctx = replace(ctx, principal=replace(ctx.principal, organisation="RJE01"))
        assert own(tx, ctx) == {"RJE01", "RJE", "RJE00"}
