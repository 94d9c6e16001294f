"""Layouts of local flows: one person registers, another decides, and what is used stays."""

import hashlib
import json
import os
import signal
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import create_engine, text

from agreements.flows.domain.local_flow import LOCAL_FLOW, FlowState
from agreements.records.domain.errors import SnapshotRefused
from catalogue import UnknownDataSet
from catalogue.flows import example, read_flow
from catalogue.flows.fetching import LocalFlowDiffers, with_flows
from common import faults
from common.db import catalogue_files, tables
from common.errors import Unavailable
from common.http import Remote
from common.security.principal import BODY
from common.security.roles import Role
from dsfc_testing.said import without_ids
from services.agreements.tests.api.test_access import Asked
from services.agreements.tests.api.test_issuing import confirm, hand_in, in_force
from services.agreements.tests.api.test_organisations import code
from services.agreements.tests.facts import REFERENCE, line, snapshot
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import seed

PATH = "/v1/local-flows"
FILE = example()
FLOW = read_flow(FILE)
NAME, DIGEST = FLOW.data_set.data_set, FLOW.data_set.digest
WHY = {"reason": "The layout is that of contract schedule 6."}
EVIDENCE = "Contract schedule 6, agreed on 1 March 2018."


def seconded(service, who="registrar", dscro="yorkshire"):
    """Record who acts for which DSCRO, and that they may; the same again changes nothing."""
    if service.get("/v1/organisations", Role.AUDITOR).json()["items"] == []:
        service.with_organisations()
    service.cleared(who)
    service.cleared(who, kind="secondment", reference=dscro, valid_to=None)


def registered(service, content=FILE, *, key=None, who="registrar", dscro="yorkshire"):
    seconded(service, who, dscro)
    body = {"content": content, "evidence": EVIDENCE}
    return service.post(PATH, Role.DSCRO_OPERATOR, body, who=who, key=key)


def decided(service, flow, what="approval", *, role=Role.DSCRO_APPROVER, who="second"):
    seconded(service, who)
    return service.post(f"{PATH}/{flow['id']}/{what}", role, WHY, who=who)


def approved(service, content=FILE):
    flow = registered(service, content)
    assert flow.status_code == 201, flow.text
    answer = decided(service, flow.json())
    assert answer.status_code == 200, answer.text
    return answer.json()


def versions(service, name=NAME):
    answer = service.get(f"{PATH}/versions", Role.SERVICE_PSEUDONYMISATION, data_set=name)
    assert answer.status_code == 200, answer.text
    return {v["catalogue_version"]: v["digest"] for v in answer.json()["versions"]}


def fetched(service, digest=DIGEST):
    return service.get(f"{PATH}/files/{digest}", Role.SERVICE_APPLICATIONS)


def leaves(service):
    with service.parts.engine.connect() as connection:
        found = connection.execute(text('SELECT entry FROM audit_leaf ORDER BY "index"')).scalars()
        entries = [json.loads(entry) for entry in found]
    return [e["action"] for e in entries if e["action"].startswith("local-flow")]


def told(service):
    with service.parts.engine.connect() as connection:
        found = [*connection.execute(text("SELECT event FROM outbox ORDER BY seq")).scalars()]
    return [e for e in found if "agreements.local-flow-changed.v1" in e]


def test_what_one_person_registered_is_served_once_another_one_approved_it(service):
    flow = registered(service)
    assert flow.status_code == 201, flow.text
    assert flow.json() | {"state": "registered", "digest": DIGEST} == flow.json()
    assert versions(service) == {}
    assert code(fetched(service)) == (404, "LOCAL_FLOW_NOT_FOUND")

    answer = decided(service, flow.json())

    assert answer.json()["state"] == "approved"
    assert versions(service) == {"1.0": DIGEST}
    served = fetched(service)
    assert f"sha256:{hashlib.sha256(served.content).hexdigest()}" == DIGEST
    assert served.content == FLOW.content
    assert leaves(service) == ["local-flow-registered", "local-flow-approved"]
    assert [("registered" in e, "approved" in e) for e in told(service)] == [
        (True, False),
        (False, True),
    ]


def test_whoever_registered_a_flow_decides_nothing_about_it(service):
    flow = registered(service, who="One").json()

    for what in ("approval", "refusal"):
        assert code(decided(service, flow, what, who="oNE")) == (409, "SECOND_PERSON_NEEDED")
        refused = decided(service, flow, what, role=Role.DSCRO_OPERATOR)
        assert code(refused) == (403, "ROLE_NOT_PERMITTED")
    assert versions(service) == {}
    assert leaves(service) == ["local-flow-registered"]


def test_what_is_refused_or_withdrawn_is_known_to_nobody(service):
    refused = registered(service).json()
    assert decided(service, refused, "refusal").json()["state"] == "refused"
    assert code(decided(service, refused)) == (409, "LOCAL_FLOW_DECIDED")

    again = approved(service)
    withdrawn = decided(service, again, "withdrawal", role=Role.DSCRO_OPERATOR)

    assert withdrawn.json()["state"] == "withdrawn"
    assert versions(service) == {}
    assert code(fetched(service)) == (404, "LOCAL_FLOW_NOT_FOUND")
    assert code(decided(service, again)) == (409, "LOCAL_FLOW_DECIDED")


def test_a_name_and_version_that_was_approved_stands_for_one_file_for_ever(service):
    other = FILE.replace("Life-threatening", "Of the first kind")
    waiting = registered(service).json()
    assert code(registered(service, other)) == (409, "LOCAL_FLOW_VERSION_TAKEN")
    assert decided(service, waiting, "withdrawal", role=Role.DSCRO_OPERATOR).status_code == 200

    flow = approved(service, other)
    assert code(registered(service)) == (409, "LOCAL_FLOW_VERSION_TAKEN")
    assert decided(service, flow, "withdrawal", role=Role.DSCRO_OPERATOR).status_code == 200
    assert code(registered(service)) == (409, "LOCAL_FLOW_VERSION_TAKEN")
    assert approved(service, other)["digest"] == flow["digest"]
    assert approved(service, FILE.replace('"1.0"', '"1.1"'))["state"] == "approved"
    assert sorted(versions(service)) == ["1.0", "1.1"]


def test_a_flow_is_its_own_dscros(service):
    approved(service)
    next_version = FILE.replace('"1.0"', '"1.1"')

    stranger = registered(service, next_version, who="stranger", dscro="north-west")

    assert code(stranger) == (409, "LOCAL_FLOW_OF_ANOTHER_DSCRO")
    other = registered(service, next_version).json()
    path = f"{PATH}/{other['id']}/withdrawal"
    withdrawn = service.post(path, Role.DSCRO_OPERATOR, WHY, who="stranger")
    assert code(withdrawn) == (409, "LOCAL_FLOW_OF_ANOTHER_DSCRO")
    assert withdrawn.json()["detail"] == "It is another DSCRO's. Ask there to withdraw it."
    assert service.get(f"{PATH}/{other['id']}", Role.AUDITOR).json()["state"] == "registered"


def test_whose_a_flow_is_is_proved_and_never_said(service):
    """Guards: `staff.dscro_of`, `require_cleared`; there is no member that says it."""
    service.with_organisations()
    body = {"content": FILE, "evidence": EVIDENCE}

    def asked(role=Role.DSCRO_OPERATOR, **more):
        return service.post(PATH, role, body | more.pop("body", {}), who="registrar", **more)

    assert code(asked()) == (403, "STAFF_NOT_CLEARED")
    service.cleared("registrar")
    refused = asked()
    assert code(refused) == (403, "DSCRO_NOT_PROVED")
    assert "POST /v1/staff-records" in refused.json()["detail"]
    assert asked(body={"dscro": "yorkshire"}).status_code == 422
    assert leaves(service) == []

    service.cleared("registrar", kind="secondment", reference="south-west", valid_to=None)
    assert asked().json()["dscro"] == "south-west"
    # The second person needs no secondment, but policies and training as every DSCRO role.
    [flow] = service.get(PATH, Role.AUDITOR).json()["items"]
    path = f"{PATH}/{flow['id']}/approval"
    lacking = service.post(path, Role.DSCRO_APPROVER, WHY, who="second")
    assert code(lacking) == (403, "STAFF_NOT_CLEARED")
    assert versions(service) == {}


def test_a_secondment_that_is_written_past_the_service_proves_nothing(service):
    seconded(service)
    with service.parts.engine.begin() as connection:
        forged = "UPDATE staff_record SET reference = 'south' WHERE kind = 'secondment'"
        assert connection.execute(text(forged)).rowcount == 1

    body = {"content": FILE, "evidence": EVIDENCE}
    answer = service.post(PATH, Role.DSCRO_OPERATOR, body, who="registrar")

    assert code(answer) == (409, "SEAL_BROKEN")
    assert leaves(service) == []


def test_the_same_registration_twice_is_one(service):
    first = registered(service, key="k1")

    assert registered(service, key="k1").json()["id"] == first.json()["id"]
    assert leaves(service) == ["local-flow-registered"]


@pytest.mark.parametrize(
    ("was", "becomes", "pointer"),
    [
        ("name: Destination_Site", "name: 'Site\"; DROP TABLE x'", "fields/6/name"),
        ("^[A-Z0-9]{3,9}$", "((a{1,100}){1,100}){1,100}", "fields/6"),
        ("category: AMBULANCE", "category: ALL", "category"),
        (
            "  - {name: Call_Category",
            '  - {name: "W_{n}", repeat: [0, 999], class: ADM}\n  - {name: Call_Category',
            "fields",
        ),
    ],
)
def test_a_file_that_is_none_is_told_its_problems_and_nothing_is_kept(
    service, was, becomes, pointer
):
    assert was in FILE
    answer = registered(service, FILE.replace(was, becomes))

    assert code(answer) == (422, "LOCAL_FLOW_INVALID")
    assert pointer in [p["pointer"] for p in answer.json()["problems"]]
    assert leaves(service) == []
    with service.parts.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM catalogue_file")).scalar() == 0


def test_a_file_that_is_too_large_or_tells_of_a_person_is_refused_unread(service):
    too_large = registered(service, "x" * 131_073)
    assert too_large.status_code == 422
    huge = registered(service, "x" * 3_000_000)
    assert huge.status_code == 413
    person = registered(service, FILE.replace("Contract schedule", "999 000 0018, schedule"))
    assert code(person) == (422, "PERSONAL_DATA_IN_TEXT")
    assert "0018" not in without_ids(person.text)
    assert leaves(service) == []


def test_bytes_that_are_written_under_a_digest_past_the_service_are_never_served(service):
    flow = registered(service).json()
    with service.parts.engine.begin() as connection:
        forged = FLOW.content.replace(b"Emergency", b"Emergencies")
        connection.execute(text("UPDATE catalogue_file SET content = :c"), {"c": forged})

    assert code(decided(service, flow)) == (409, "SEAL_BROKEN")
    assert code(service.get(f"{PATH}/{flow['id']}", Role.AUDITOR)) == (409, "SEAL_BROKEN")
    withdrawn = decided(service, flow, "withdrawal", role=Role.DSCRO_OPERATOR)
    assert withdrawn.status_code == 200
    assert approved(service)["state"] == "approved", "the right bytes take their place again"
    assert fetched(service).content == FLOW.content


@pytest.mark.parametrize("column", ["digest", "state", "data_set"])
def test_a_row_that_is_written_past_the_service_opens_nothing(service, column):
    flow = registered(service).json()
    forged = {"digest": "sha256:" + "0" * 64, "state": "approved", "data_set": "LPF_OTHER"}[column]
    with service.parts.engine.begin() as connection:
        connection.execute(
            text(f"UPDATE local_flow SET {column} = :v"),
            {"v": forged},
        )

    assert fetched(service).status_code in {404, 409}
    if column != "state":
        assert code(decided(service, flow)) == (409, "SEAL_BROKEN")
        return
    assert code(fetched(service)) == (409, "SEAL_BROKEN")
    names = service.get(f"{PATH}/versions", Role.SERVICE_PSEUDONYMISATION, data_set=NAME)
    assert code(names) == (409, "SEAL_BROKEN")
    shown = service.get(PATH, Role.AUDITOR).json()["items"][0]
    assert shown["not_as_sealed"] == ["local_flow"]


def test_decisions_rest_on_a_flow_from_its_approval_to_its_withdrawal(service, haven):
    world = plain.sound()
    world["organisations"].append(plain.organisation(BODY, "BODY"))
    (version,) = world["agreement"]["versions"]
    for one in version["snapshot"]["lines"]:
        one |= {"data_set": NAME, "catalogue_digest": DIGEST, "disclosure_rule": "CSDS"}
        one["fields"] = [{"name": "Call_Category", "treatment": "as_is", "reason": "to plan"}]
    seed(service.parts.engine, world, sealer=service.parts.sealer)
    asked = Asked(service, haven)

    def refusals():
        answer = asked.post(asked.request_body(data_set=NAME, fields=["Call_Category"])).json()
        if answer["decision"]:
            return []
        return [r["code"] for r in answer["context"]["refusals"]]

    assert refusals() == ["CATALOGUE_UNKNOWN"]
    flow = registered(service).json()
    assert refusals() == ["CATALOGUE_UNKNOWN"]
    assert decided(service, flow).status_code == 200
    assert refusals() == []
    with service.parts.engine.begin() as connection:
        connection.execute(text("UPDATE catalogue_file SET content = :c"), {"c": b"{}"})
    withdrawn = decided(service, flow, "withdrawal", role=Role.DSCRO_OPERATOR)
    assert withdrawn.status_code == 200
    assert refusals() == ["CATALOGUE_UNKNOWN"]


def test_a_decision_rests_on_no_other_bytes_than_those_of_the_digest(service, haven):
    world = plain.sound()
    world["organisations"].append(plain.organisation(BODY, "BODY"))
    (version,) = world["agreement"]["versions"]
    for one in version["snapshot"]["lines"]:
        one |= {"data_set": NAME, "catalogue_digest": DIGEST, "disclosure_rule": "CSDS"}
        one["fields"] = [{"name": "Call_Category", "treatment": "as_is", "reason": "to plan"}]
    seed(service.parts.engine, world, sealer=service.parts.sealer)
    approved(service)
    with service.parts.engine.begin() as connection:
        connection.execute(text("UPDATE catalogue_file SET content = :c"), {"c": b"{}"})
    asked = Asked(service, haven)

    answer = asked.post(asked.request_body(data_set=NAME, fields=["Call_Category"])).json()

    assert [r["code"] for r in answer["context"]["refusals"]] == ["SEAL_BROKEN"]


@pytest.mark.parametrize("is_imported", [False, True], ids=["approved", "imported"])
def test_what_an_agreement_names_is_never_withdrawn(seeded, is_imported):
    flow = approved(seeded)
    named = line() | {"data_set": NAME, "catalogue_digest": DIGEST, "disclosure_rule": "CSDS"}
    named["fields"] = [{"name": "Call_Category", "treatment": "as_is", "reason": "to plan"}]

    if is_imported:
        seeded.contract()
        batch = hand_in(seeded, in_force(snapshot=snapshot(lines=[named], linkage=[])))
        assert batch.status_code == 201, batch.text
        assert confirm(seeded, batch.json()).status_code == 200
    else:
        seeded.draft(lines=[named])

    shown = seeded.get(f"{PATH}/{flow['id']}", Role.AUDITOR).json()
    assert (shown["state"], bool(shown["used_at"])) == ("in_use", True)
    assert json.loads(shown["content"])["data_set"] == NAME
    refused = decided(seeded, flow, "withdrawal", role=Role.DSCRO_OPERATOR)
    assert code(refused) == (409, "LOCAL_FLOW_IN_USE")
    assert versions(seeded) == {"1.0": DIGEST}
    assert leaves(seeded)[-1] == "local-flow-used"
    seeded.draft(lines=[named], reference="DARS-NIC-123457-A1B2C")
    assert leaves(seeded).count("local-flow-used") == 1


def test_a_draft_that_says_otherwise_than_the_flow_is_none(seeded):
    approved(seeded)
    named = line() | {"data_set": NAME, "catalogue_digest": DIGEST, "disclosure_rule": "HES"}

    with pytest.raises(SnapshotRefused, match="DISCLOSURE_RULE_UNKNOWN"):
        seeded.draft(lines=[named])
    answer = seeded.get(f"/v1/agreements/{REFERENCE}", Role.CONTRACT_MANAGER)
    assert answer.status_code == 404
    assert versions(seeded) == {"1.0": DIGEST}
    assert "local-flow-used" not in leaves(seeded)


def test_a_file_is_kept_once_under_its_own_digest_alone(service):
    registered(service)
    with service.parts.engine.begin() as connection:
        at = connection.execute(text("SELECT kept_at FROM catalogue_file")).scalar()
        with pytest.raises(ValueError, match="this digest"):
            catalogue_files.keep(connection, "sha256:" + "0" * 64, b"{}", at=service.clock.now())
        catalogue_files.keep(connection, DIGEST, FLOW.content, at=service.clock.now())
        found = connection.execute(text("SELECT kept_at FROM catalogue_file")).scalars()
        assert [*found] == [at]
        assert [*catalogue_files.digests(connection)] == [DIGEST]


def test_what_is_over_has_no_way_on():
    over = (FlowState.IN_USE, FlowState.REFUSED, FlowState.WITHDRAWN)
    assert not any(LOCAL_FLOW.moves[state] for state in over)


@pytest.fixture
def elsewhere(service, make_engine, tmp_path):
    """The catalogue of another service, with a database of its own, which asks this one."""
    engine = make_engine(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    tables.catalogue_file.create(engine)
    return Elsewhere(service, engine)


class Elsewhere:
    def __init__(self, service, engine):
        self.service, self.engine = service, engine
        self.asked = []
        self.alter = lambda content: content
        self.is_away = False

    def begun(self):
        """A process that has just begun: what it knows is in its database."""
        client = httpx.Client(
            base_url="http://agreements", transport=httpx.MockTransport(self._passed_on)
        )
        headers = self.service.headers(Role.SERVICE_PSEUDONYMISATION)
        token = headers["Authorization"].removeprefix("Bearer ")
        remote = Remote(client, lambda: token)
        return with_flows(lambda: remote, self.engine, self.service.clock.now)

    def _passed_on(self, request):
        """Hand a request to the service itself; on the way its answer may be lost or altered."""
        if self.is_away:
            raise httpx.ConnectError("nobody there")
        self.asked.append(request.url.path)
        answer = self.service.client.get(
            request.url.raw_path.decode(),
            headers={"Authorization": request.headers["authorization"]},
        )
        return httpx.Response(
            answer.status_code,
            content=self.alter(answer.content),
            headers={"Content-Type": answer.headers["content-type"]},
        )


def test_another_service_fetches_a_flow_once_and_has_it_without_agreements(service, elsewhere):
    known = elsewhere.begun()
    registered_flow = registered(service).json()
    for ask in (lambda: known.get(NAME), lambda: known.by_digest(DIGEST)):
        with pytest.raises(UnknownDataSet):
            ask()
    assert decided(service, registered_flow).status_code == 200

    assert known.for_period(NAME, "2018-06") == FLOW.data_set
    assert elsewhere.asked.count(f"{PATH}/files/{DIGEST}") == 2, "once in vain, and once"
    elsewhere.is_away = True
    begun_again = elsewhere.begun()

    assert begun_again.by_digest(DIGEST) == FLOW.data_set
    assert begun_again.at_hand().get(NAME) == FLOW.data_set
    assert FLOW.data_set in [*begun_again]
    assert begun_again.get("SUS_APC").data_set == "SUS_APC"
    with pytest.raises(Unavailable):
        begun_again.get(NAME)
    with pytest.raises(Unavailable):
        begun_again.by_digest("sha256:" + "0" * 64)


@pytest.mark.parametrize("point", ["F1", "F2"])
def test_a_service_killed_while_it_fetches_keeps_nothing_by_halves(service, elsewhere, point):
    """A real SIGKILL: once the bytes have come, and once they are written and not yet committed."""
    approved(service)
    url = elsewhere.engine.url
    elsewhere.engine.dispose()  # a child must not go on with what its parent has open

    child = os.fork()
    if child == 0:
        try:
            faults.arm(point)
            client = httpx.Client(base_url="http://agreements", transport=httpx.MockTransport(sent))
            remote = Remote(client, lambda: "a token")
            with_flows(lambda: remote, create_engine(url), lambda: datetime.now(UTC)).by_digest(
                DIGEST
            )
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)

    assert os.WIFSIGNALED(status), "the run never reached its point"
    assert os.WTERMSIG(status) == signal.SIGKILL
    with elsewhere.engine.connect() as connection:
        assert [*catalogue_files.digests(connection)] == []
    assert elsewhere.begun().by_digest(DIGEST) == FLOW.data_set
    elsewhere.is_away = True
    assert elsewhere.begun().by_digest(DIGEST) == FLOW.data_set


def sent(_request):
    """What agreements sends."""
    return httpx.Response(200, content=FLOW.content, headers={"Content-Type": "application/json"})


def test_another_service_forgets_the_name_of_what_was_withdrawn(service, elsewhere):
    flow, known = approved(service), elsewhere.begun()
    assert known.get(NAME, "1.0") == FLOW.data_set
    withdrawn = decided(service, flow, "withdrawal", role=Role.DSCRO_OPERATOR)
    assert withdrawn.status_code == 200

    with pytest.raises(UnknownDataSet):
        known.get(NAME)
    assert known.by_digest(DIGEST) == FLOW.data_set, "what was landed by it can be read"


def test_another_service_believes_no_bytes_but_those_of_the_digest(service, elsewhere):
    approved(service)
    elsewhere.alter = lambda content: content.replace(b"Emergency", b"Emergencies")
    known = elsewhere.begun()

    with pytest.raises(LocalFlowDiffers):
        known.get(NAME)
    with elsewhere.engine.connect() as connection:
        assert [*catalogue_files.digests(connection)] == []
    elsewhere.alter = lambda content: content
    assert known.get(NAME) == FLOW.data_set
    with elsewhere.engine.begin() as connection:
        connection.execute(text("UPDATE catalogue_file SET content = :c"), {"c": b"{}"})
    again = elsewhere.begun()
    assert [*again.at_hand()] == [*elsewhere.begun().fixed()], "what was altered is not there"
    assert again.by_digest(DIGEST) == FLOW.data_set
    with elsewhere.engine.connect() as connection:
        assert catalogue_files.find(connection, DIGEST) == FLOW.content


def test_what_agreements_does_not_believe_itself_nobody_else_gets(service, elsewhere):
    registered(service)
    with service.parts.engine.begin() as connection:
        connection.execute(text("UPDATE local_flow SET state = 'approved'"))

    known = elsewhere.begun()

    for ask in (lambda: known.get(NAME), lambda: known.by_digest(DIGEST)):
        with pytest.raises(Unavailable):
            ask()
