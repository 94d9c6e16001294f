"""From the plain rows of `world` to what our own decision reads."""

import json
from collections import defaultdict
from dataclasses import replace
from typing import Any
from uuid import UUID

from agreements.decision.adapters import rules
from agreements.decision.domain.facts import (
    AgreementFacts,
    Alternative,
    EnvironmentFacts,
    MapFacts,
    Present,
)
from agreements.decision.domain.held import HeldFile
from agreements.decision.domain.permits import GivenPermit
from agreements.decision.domain.question import (
    Asker,
    Fetch,
    Holding,
    Landed,
    Match,
    Question,
    Reidentify,
    Release,
    Request,
    ReturnScores,
    UnattestedRelease,
)
from agreements.records.adapters import reference
from agreements.records.domain.agreement import Agreement
from agreements.records.domain.contract import Contract
from agreements.records.domain.hold import HeldLine, Hold
from agreements.records.domain.parties.assurance import Assurance, AssuranceKind, Status
from agreements.records.domain.parties.domain_transfer import DomainTransfer
from agreements.records.domain.parties.environment import ListedEnvironment
from agreements.records.domain.parties.organisation import (
    Organisation,
    OrganisationKind,
    TransferInstrument,
)
from agreements.records.domain.parties.registration import (
    IcoRegistration,
    Interval,
    Section251Approval,
)
from agreements.records.domain.parties.relationship import ChangeKind, Relationship, Step
from agreements.records.domain.recalls import Recall, Source
from agreements.records.domain.terms.categories import category
from agreements.records.domain.terms.data_sets import (
    DataSetFacts,
    LandingRulesFacts,
    ReleasableColumn,
)
from agreements.records.domain.version import (
    AgreementLine,
    AgreementVersion,
    Capacity,
    Condition,
    Party,
    Signature,
)
from catalogue import Derivation, Filterable, Identifier, Shown
from common.ids import digest
from common.security.principal import BODY
from services.agreements.tests.reference.world import (
    ENVIRONMENT,
    HOLDING,
    NOON,
    REFERENCE,
    Json,
    uuid,
)
from statements import document
from statements.attestation import (
    Attestation,
    AttestedChanges,
    AttestedFile,
    Caps,
    Column,
    Edition,
    Groups,
    OptOut,
    Population,
    Registered,
    RulesVersion,
    Scan,
)
from statements.filters import Filters, RowFilter, in_order
from statements.line import AgreementVersion as JudgedVersion
from statements.line import Line as AttestedLine
from statements.line import MapVersions
from statements.parameters import PARAMETERS, RuleParameters
from statements.permit import DomainFacts, Permit, PermittedField
from statements.permit import OptOut as PermittedOptOut
from statements.permit import Population as PermittedPopulation
from statements.request import ExtractRequest
from statements.tables import AttestedTable, PermittedTable, TableDimension, TableRequest
from statements.vocabulary import EnvironmentKind, LineKey


def facts_of(world: Json) -> AgreementFacts:
    """With an alternative for each list that waits: the rows that it would replace."""
    if world.get("waiting"):
        would_be = [facts_of({**world, "waiting": []} | rows) for rows in world["waiting"]]
        return replace(
            facts_of({**world, "waiting": []}),
            alternatives=tuple(Alternative(waiting="A list", facts=f) for f in would_be),
        )
    agreement = None if world["agreement"] is None else _agreement(world["agreement"])
    return AgreementFacts(
        reference="" if agreement is None else agreement.reference,
        rules=rules.load(),
        assurance_rules=reference.load().assurance,
        code_rules=reference.load().codes,
        agreement=agreement,
        documents={}
        if agreement is None
        else {v.id: document.read(v.document) for v in agreement.versions},
        organisations=_by(
            "ods",
            [
                Organisation(
                    id=uuid(n),
                    ods=o["ods"],
                    name=o["ods"],
                    kind=OrganisationKind(o["kind"]),
                    legal_entity=o["entity"],
                    parent=None,
                    valid_from=o["from"],
                    valid_to=o["to"],
                    source="test",
                )
                for n, o in enumerate(world["organisations"])
            ],
        ),
        instruments=tuple(
            TransferInstrument(
                id=uuid(n),
                predecessor=i["predecessor"],
                successor=i["successor"],
                valid_from=i["from"],
                evidence="order",
            )
            for n, i in enumerate(world["instruments"])
        ),
        domain_transfers=tuple(
            DomainTransfer(
                id=uuid(800 + n),
                agreement_id=uuid(100),
                former_environment=UUID(t["former"]),
                following_environment=UUID(t["following"]),
                valid_from=NOON.date(),
                evidence="order",
                controllers=(),
                proposed_at=NOON,
                agreed_at=NOON if t["agreed"] else None,
                effective_at=t["effective_at"],
                withdrawn_at=NOON if t["withdrawn"] else None,
            )
            for n, t in enumerate(world["domain_transfers"])
        ),
        contracts=tuple(_contract(n, c) for n, c in enumerate(world["contracts"])),
        relationships=tuple(_relationship(n, r) for n, r in enumerate(world["relationships"])),
        assurance=_by("organisation", [_assurance(n, a) for n, a in enumerate(world["assurance"])]),
        registrations=_by(
            "organisation",
            [
                IcoRegistration(
                    id=uuid(n),
                    organisation=r["organisation"],
                    number=r["number"],
                    name=r["organisation"],
                    valid_from=r["from"],
                    valid_to=r["to"],
                )
                for n, r in enumerate(world["ico"])
            ],
        ),
        approvals={
            a["reference"]: Section251Approval(
                id=uuid(n),
                reference=a["reference"],
                purposes=tuple(a["purposes"]),
                controllers=None if a["controllers"] is None else tuple(a["controllers"]),
                valid_from=a["start"],
                valid_to=a["end"],
                former=tuple(
                    Interval(valid_from=first, valid_to=last) for first, last in a.get("former", [])
                ),
                review_on=None,
            )
            for n, a in enumerate(world["approvals"])
        },
        publications={
            (p["data_set"], p["period"]): p["published_on"] for p in world["publications"]
        },
        environments=tuple(
            EnvironmentFacts(
                id=UUID(e["id"]),
                organisation=e["organisation"],
                kind=e["kind"],
                clients=frozenset(e["clients"]),
            )
            for e in world["environments"]
        ),
        listed=tuple(
            ListedEnvironment(
                id=uuid(700 + n),
                kind=EnvironmentKind(e["kind"]),
                organisation=e["organisation"],
                hosted_for=e["for"],
                valid_from=e["from"],
                valid_to=e["to"],
                listed_on=e["from"],
            )
            for n, e in enumerate(world["listed"])
        ),
        maps=tuple(
            MapFacts(
                id=UUID(m["id"]),
                kind=m["kind"],
                valid_from=m["valid_from"],
                is_in_force=m.get("in_force", True),
                takes_from=frozenset(m.get("takes_from", [])),
            )
            for m in world["maps"]
        ),
        catalogue={d["digest"]: data_set_facts(d) for d in world["catalogue"]},
        recalls=tuple(
            Recall(
                id=uuid(800 + n),
                kind=Source(r["kind"]),
                source=r["source"],
                replaced_by=r["replaced_by"],
                taken_back_at=NOON,
            )
            for n, r in enumerate(world["recalled"])
        ),
        destroyed=frozenset(
            [UUID(HOLDING)] * world["destroyed"]
            + [
                uuid(700 + n)
                for n, h in enumerate(world["held"])
                if h.get("destroyed") and "agreement" not in h
            ]
        ),
    )


def present_of(world: Json, now: Any = NOON) -> Present:
    return Present(
        at=now,
        last_decision_at=world["last_decision_at"],
        reserved={(UUID(e), d, p): t for (e, d, p), t in world["reserved"].items()},
        held=tuple(
            HeldFile(
                holding_id=uuid(700 + n),
                agreement=h.get("agreement", REFERENCE),
                environment_id=UUID(h.get("environment", ENVIRONMENT)),
                file=_file(h["file"]),
                may_have_left=h["may_have_left"],
            )
            for n, h in enumerate(world["held"])
        ),
        is_void=world["void"],
    )


def _landed(told: Json | None) -> Landed | None:
    if told is None:
        return None
    return Landed(
        editions=frozenset((month, frozenset(ids)) for month, ids in told["editions"].items()),
        lists=frozenset(told["lists"]),
    )


def question_of(question: Json) -> Question:
    match question["action"]:
        case "request" | "match" | "return_scores":
            kinds = {"request": Request, "match": Match, "return_scores": ReturnScores}
            kind = kinds[question["action"]]
            return kind(
                asker=_asker(question),
                request=ExtractRequest(
                    extract_id="",
                    agreement=question["agreement"],
                    purpose=question["purpose"],
                    data_set=question["data_set"],
                    classification=question["classification"],
                    periods=tuple(question["periods"]),
                    fields=tuple(question["fields"]),
                    formats=tuple(question["formats"]),
                    filters=filters_of(question.get("filters")),
                    table=None
                    if question.get("table") is None
                    else TableRequest(
                        measure=question["table"]["measure"],
                        further_measures=tuple(question["table"].get("further_measures", ())),
                        linked_data_sets=tuple(question["table"].get("linked_data_sets", ())),
                        dimensions=dimensions_of(question["table"]),
                        profile=question["table"].get("profile", "protected"),
                    ),
                    changes_since=question.get("changes_since"),
                ),
                landed=_landed(question.get("landed")),
            )
        case "reidentify":
            key = _key(question)
            return Reidentify(asker=_asker(question), agreement=question["agreement"], key=key)
        case "release" if question["file"] and question["permit"]:
            return Release(
                file_id=question["file_id"],
                extract_id=question["extract_id"],
                file=_file(question["file"]),
                permit=permit_of(question["permit"]),
            )
        case "release":
            return UnattestedRelease(file_id=question["file_id"], extract_id=question["extract_id"])
        case _:
            return Fetch(
                asker=_asker(question),
                holding=Holding(
                    id=UUID(HOLDING),
                    decision_id=uuid(1),
                    agreement=question["agreement"],
                    environment_id=UUID(question["environment"]),
                    file=_file(question["file"]),
                ),
            )


def permit_of(permit: Json) -> GivenPermit:
    said = Permit(
        id=UUID(permit["id"]),
        decision_id=uuid(2),
        epoch=1,
        extract_id=permit["extract_id"],
        request_digest="sha256:" + 64 * "0",
        client_id=permit["client"],
        agreement=JudgedVersion(
            reference=permit["agreement"], version="v1.0", document_hash="sha256:" + 64 * "0"
        ),
        line=_line_of(permit),
        fields=tuple(PermittedField(name=n, treatment=t) for n, t in permit["fields"].items()),
        periods=tuple(permit["periods"]),
        formats=tuple(permit["formats"]),
        population=PermittedPopulation(
            rule="own",
            codes=tuple(permit["codes"]),
            reasons=tuple(permit["reasons"]),
            map_versions=MapVersions(practice=(), postcode=()),
        ),
        domain=DomainFacts.stored(permit["domain"]),
        opt_out=PermittedOptOut(
            applied=permit["applied"], list_age_days_max=7, by=permit.get("by", "list")
        ),
        disclosure_rule=permit["disclosure_rule"],
        filters=filters_of(permit.get("filters")),
        changes_since=permit.get("changes_since"),
        table=None
        if permit.get("table") is None
        else PermittedTable(
            measure=permit["table"]["measure"],
            further_measures=tuple(permit["table"].get("further_measures", ())),
            linked_rules=tuple(permit["table"].get("linked_rules", ())),
            dimensions=dimensions_of(permit["table"]),
            disclosure=permit["table"]["disclosure"],
            parameters=parameters_of(permit["table"]),
        ),
    )
    return GivenPermit(
        said=said,
        organisation=permit["organisation"],
        environment_id=UUID(permit["environment"]),
        issued_at=NOON,
    )


def _line_of(said: Json) -> AttestedLine:
    return AttestedLine(
        number=said["line"],
        purpose=said["purpose"],
        data_set=said["data_set"],
        classification=said["classification"],
        catalogue_version="1.0",
        catalogue_digest=said["catalogue_digest"],
        sensitivity="NON_SENSITIVE",
    )


def data_set_facts(data_set: Json) -> DataSetFacts:
    return DataSetFacts(
        data_set=data_set["data_set"],
        version=data_set["version"],
        digest=data_set["digest"],
        columns={
            f["name"]: ReleasableColumn(
                field_class=f["class"],
                categories={
                    t: category(
                        field_class=f["class"],
                        treatment=t,
                        identifier=f.get("identifier"),
                        derived_from=f.get("source"),
                    )
                    for t in f["treatments"]
                },
                scanned=f.get("scan", False),
                is_text="of" not in f and "identifier" not in f and not f.get("date"),
                shown={
                    t: Shown(
                        data_set=data_set["data_set"],
                        name=f["name"],
                        source=f.get("of", f["name"]),
                        form=form_of(f, t),
                        identifier=IDENTIFIERS.get(f.get("source", f.get("identifier"))),
                    )
                    for t in f["treatments"]
                },
                filterable=filterable_of(f),
                is_dimension=f.get("categories", False),
                nests_in=frozenset(f.get("in", ())),
                is_practice=f.get("practice", False),
            )
            for f in data_set["fields"]
        },
        reasons=frozenset(data_set["reasons"]),
        measures=frozenset(data_set["measures"]),
        joined={group: frozenset(above) for group, above in data_set["joined"].items()},
        groupings={
            level: frozenset(chain[at + 1 :])
            for column, above in data_set["groups"].items()
            for chain in [[column, *above]]
            for at, level in enumerate(chain)
        },
        takes_parameters=data_set["set_by_agreement"],
        mapped={r: kind for r, kind in data_set["reasons"].items() if kind is not None},
        waits_for_publication=data_set["gate"],
        disclosure_rule=data_set["disclosure_rule"],
        identified_by=frozenset(data_set.get("identified_by", ())),
        landing_rules=tuple(
            LandingRulesFacts(
                version=r["version"],
                digest=r["digest"],
                valid_from=r["from"],
                safe_from=r["safe_from"],
            )
            for r in data_set["landing_rules"]
        ),
    )


IDENTIFIERS = {
    "date_of_birth": Identifier.DATE_OF_BIRTH,
    "postcode": Identifier.POSTCODE,
    "nhs_number": Identifier.NHS_NUMBER,
    "local": Identifier.LOCAL,
    "staff": Identifier.STAFF,
}


def filterable_of(field: Json) -> Filterable | None:
    """What rows can be filtered by, in the words of the catalogue."""
    if "identifier" in field or field.get("date"):
        return None
    if not {"as_is", "derived"} & set(field["treatments"]):
        return None
    if field.get("number"):
        return Filterable(is_number=True)
    return Filterable(codes=frozenset(field["codes"]) if "codes" in field else None)


def parameters_of(table: Json) -> RuleParameters | None:
    said = table.get("parameters")
    return None if said is None else PARAMETERS.of(said)


def dimensions_of(table: Json) -> tuple[TableDimension, ...]:
    """The dimensions of a table that is asked for, permitted or made."""
    return tuple(
        TableDimension(column=d["column"], within=tuple(d["within"])) for d in table["dimensions"]
    )


def filters_of(said: list[Json] | None) -> Filters:
    """Filters of a request, a permit or a file."""
    return in_order(RowFilter(**{**f, "any_of": tuple(f.get("any_of", ()))}) for f in said or ())


def form_of(field: Json, treatment: str) -> Any:
    """What a column tells of what it is made of, in the words of the catalogue."""
    if "form" in field:
        return Derivation(field["form"])
    if not field.get("date"):
        return None
    forms = {"as_is": "exact_date", "month": Derivation.MONTH, "year": Derivation.YEAR}
    return forms.get(treatment)


def _by(name: str, facts: list[Any]) -> dict[str, tuple[Any, ...]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for fact in facts:
        found[getattr(fact, name)].append(fact)
    return {key: tuple(rows) for key, rows in found.items()}


def _asker(question: Json) -> Asker:
    return Asker(client_id=question["client"], organisation=question["organisation"])


def _key(what: Json) -> LineKey:
    return LineKey(what["purpose"], what["data_set"], what["classification"])


def _file(file: Json) -> Attestation:
    opt_out = file["opt_out"]
    return Attestation(
        sub=file["id"],
        extract_id=file["extract_id"],
        permit_id=file["permit_id"],
        preparation_id=file["preparation_id"],
        file=AttestedFile(
            id=file["id"],
            format=file["format"],
            object_key="preparations/1/1/1.parquet",
            bytes=1000,
            digest="sha256:" + 64 * "a",
            rows=10,
        ),
        line=_line_of(file),
        columns=tuple(
            Column(name=c["name"], treatment=c["treatment"], class_=c["class"])
            for c in file["columns"]
        ),
        periods=tuple(file["periods"]),
        population=Population(
            codes=tuple(file["codes"]),
            reasons=tuple(file["reasons"]),
            map_versions=MapVersions(practice=tuple(file["maps"]), postcode=()),
            rows_without_reason=file["rows_without_reason"],
        ),
        domain=file["domain"],
        opt_out=OptOut(
            applied=opt_out["applied"],
            list_id=opt_out.get("list"),
            list_date=opt_out["list_date"],
            by=opt_out.get("by", "list"),
            besides=tuple(opt_out.get("besides", ())),
            people_left_out=0,
            rows_without_person_left_out=0,
        ),
        scan=Scan(
            rule=file["scan"]["rule"],
            columns=tuple(file["scan"]["columns"]),
            hits=file["scan"]["hits"],
        ),
        disclosure_rule=file["disclosure_rule"],
        order=file["order"],
        filters=filters_of(file.get("filters")),
        table=None
        if file.get("table") is None
        else AttestedTable(
            measure=file["table"]["measure"],
            further_measures=tuple(file["table"].get("further_measures", ())),
            dimensions=dimensions_of(file["table"]),
            disclosure=file["table"]["disclosure"],
            parameters=parameters_of(file["table"]),
            recovered=file["table"].get("recovered", 0),
            rule=file["table"]["rule"],
            rule_version=1,
            certificate=file["table"]["certificate"],
            cells=9,
        ),
        changes=None
        if file.get("changes") is None
        else AttestedChanges(since=file["changes"], since_file="sha256:1", key=("Token",)),
        caps=Caps(rule="caps/4", columns=file["caps"]) if file["caps"] else None,
        registered=None
        if file.get("registered") is None
        else Registered(codes=tuple(file["registered"]), list_date=NOON.date(), lists=("r1",)),
        groups=None
        if file.get("groups") is None
        else Groups(columns=("Sex",), people=90, smallest=file["groups"]["smallest"], unique=0),
        editions=tuple(
            Edition(
                id=e["id"],
                provider="RR8",
                period=f"{e['from']}/{e['to']}",
                number=1,
                status="final",
                landing_rules=None
                if e.get("rules") is None
                else RulesVersion(version=1, digest=e["rules"]),
            )
            for e in file["editions"]
        ),
    )


def _agreement(agreement: Json) -> Agreement:
    return Agreement(
        id=uuid(100),
        reference=agreement["reference"],
        versions=tuple(_version(n, v) for n, v in enumerate(agreement["versions"])),
        holds=tuple(
            Hold(
                id=uuid(300 + n),
                breach_id=None,
                whole=h["whole"],
                lines=tuple(HeldLine(key=LineKey(*key), number=1) for key in h["lines"]),
                reason="breach",
                set_at=h["set_at"],
                set_by="handler",
                lifted_at=h["lifted_at"],
            )
            for n, h in enumerate(agreement["holds"])
        ),
        terminated_at=agreement["terminated_at"],
    )


def _version(number: int, version: Json) -> AgreementVersion:
    text = json.dumps(
        {
            "schema": "dsfc-agreement/1",
            "reference": "",
            "version": version["number"],
            "parties": [],
            "snapshot_hash": "",
            "snapshot": version["snapshot"],
        }
    )
    hash_ = digest(text.encode())
    parties = [(c, Capacity.CONTROLLER) for c in version["controllers"]]
    parties += [(c, Capacity.PROCESSOR) for c in version["processors"]]
    return AgreementVersion(
        id=uuid(200 + number),
        number=version["number"],
        sequence=version["sequence"],
        application_id=uuid(0),
        kind="new",
        title="Commissioning",
        valid_from=version["start"],
        valid_to=version["end"],
        snapshot_hash="",
        document_hash=hash_,
        document=text,
        parties=(
            *(Party(ods=ods, capacity=capacity, legal_name=ods) for ods, capacity in parties),
            Party(ods=BODY, capacity=Capacity.BODY, legal_name="The Body"),
        ),
        lines=tuple(
            AgreementLine(number=x["number"], key=_key(x), content=x)
            for x in version["snapshot"]["lines"]
        ),
        conditions=tuple(
            Condition(
                id=uuid(1000 * (number + 1) + n),
                condition=c["id"],
                text="",
                due=c["due"],
                owner=c["owner"],
                fulfilled_at=c["fulfilled_at"],
            )
            for n, c in enumerate(version["conditions"])
        ),
        signatures=tuple(
            Signature(
                id=uuid(1000 * (number + 1) + 500 + n),
                party=BODY if who == "body" else who,
                for_body=who == "body",
                document_hash=hash_,
                name_of_role="SIRO",
                signed_at=at,
            )
            for n, (who, at) in enumerate(version["signed"].items())
            if at is not None
        ),
    )


def _contract(number: int, contract: Json) -> Contract:
    return Contract(
        id=uuid(number),
        reference=contract["reference"],
        organisation=contract["organisation"],
        legal_name=contract["organisation"],
        valid_from=contract["start"],
        valid_to=contract["end"],
        issued_at=NOON,
        document_hash="",
        organisation_signed_at=contract["signed_at"],
        body_signed_at=contract["body_signed_at"],
        terminated_at=contract["terminated_at"],
    )


def _relationship(number: int, r: Json) -> Relationship:
    return Relationship(
        id=uuid(number),
        reference=r["reference"],
        change_kind=ChangeKind.NEW,
        commissioner=r["commissioner"],
        commissioner_type="CCG",
        area_team=None,
        dscro="yorkshire",
        csu=r["csu"],
        processors=tuple(r["processors"]),
        service="DSCRO",
        valid_from=r["from"],
        valid_to=r["to"],
        service_contract_reference="SC-1",
        contract_signed_on=r["from"],
        state=Step.ACTIVE,
        requested_at=NOON,
        requested_by_organisation=r["commissioner"],
        activated_at=r["activated_at"],
    )


def _assurance(number: int, a: Json) -> Assurance:
    return Assurance(
        id=uuid(number),
        organisation=a["organisation"],
        kind=AssuranceKind(a["kind"]),
        reference=a["edition"],
        status=Status(a["status"]),
        published_on=a["published_on"],
        expires_on=a["expires_on"],
        seen_on=a["seen_on"],
        reviewed_by_body=a["reviewed"],
        plan_accepted=a["plan_accepted"],
        plan_until=a["plan_until"],
        locations_covered=a["locations_covered"],
    )
