"""The three purposes side by side: the same 100 people, and three who may know different things."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from dsfc_cli.demo.answers import Flow, Sections, Wanted, sections_of, toolkit
from dsfc_cli.demo.chapters.scene import Scene
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_cli.demo.sandbox import INPUT
from dsfc_cli.demo.stage import BEGUN, ORGANISATIONS
from dsfc_client import Extract

PEOPLE: Final = 100
DATA_SET: Final = "SUS_APC"
MAY, JUNE = "2018-05", "2018-06"
CSU, SUPPLIER = "0DF", "0CX"
APPROVAL: Final = "CAG 7-07(c)/2013"
PRACTICE: Final = "J81002"
GP_PRACTICE: Final = "GP_Practice_Code"
NUMBER, TOKEN = "NHS_Number", "Token"
FIELDS: Final = {"Sex": "as_is", "FCE_HRG": "as_is", "Provider_Code": "as_is"}
SCORES: Final = "RISK_SCORES"
SCORE_FIELDS: Final = {"SCORE": "as_is", "MODEL": "as_is", "PRACTICE_CODE": "as_is"}
OWN_APPROVAL: Final = "CAG 22/CAG/0051"
MONTHS_LATER: Final = {MAY: "05", JUNE: "06"}


@dataclass(slots=True)
class Purposes:
    """What the parts of the chapter share."""

    scene: Scene
    people: Sequence[str] = ()
    practices: Mapping[str, str] = field(default_factory=dict)
    """With which each is registered: the first with that of the chapter's GP."""
    references: dict[str, str] = field(default_factory=dict)
    """Agreement by purpose."""
    tokens: dict[str, frozenset[str]] = field(default_factory=dict)
    """Of the file of May, by purpose."""

    @property
    def today(self) -> str:
        return self.scene.stage.today.isoformat()

    def actor(self, identity: str) -> Any:
        return self.scene.actor(identity)


def tell(scene: Scene) -> None:
    """Tell all parts. Raises ClaimFailed at the first claim that does not hold."""
    told = Purposes(scene)
    _the_same_people(told)
    _three_agreements(told)
    _commissioning(told)
    _invoice_validation(told)
    _risk_stratification(told)
    _an_opt_out_between_two_months(told)
    _a_gp_and_nobody_else(told)
    _scores_come_back(told)
    _was_i_in_it(told)


def _the_same_people(told: Purposes) -> None:
    scene, journey = told.scene, told.scene.journey
    journey.chapter("The same 100 people, in a month of one provider")
    practices = scene.rows_of(scene.suite.directory / INPUT / "practices.csv")
    own = {row["practice"] for row in practices if row["commissioner"] == COMMISSIONER}
    of_april = [
        row for row in scene.rows_of(scene.submitted) if row[NUMBER] and row[GP_PRACTICE] in own
    ]
    told.people = list(dict.fromkeys(row[NUMBER] for row in of_april))[:PEOPLE]
    chosen = [row for row in of_april if row[NUMBER] in set(told.people)]
    told.practices = {row[NUMBER]: row[GP_PRACTICE] for row in chosen} | {told.people[0]: PRACTICE}
    for month in (MAY, JUNE):
        rows = [_later(row, MONTHS_LATER[month]) for row in chosen]
        _submit(told, month, scene.written(f"{month}.csv", rows))
    journey.claim("Two months of their stays are landed", PEOPLE, len(told.people))


def _later(row: Mapping[str, str], month: str) -> dict[str, str]:
    """Let a stay of April be one of another month."""
    return {name: value.replace("2018-04-", f"2018-{month}-") for name, value in row.items()}


def _submit(told: Purposes, month: str, path: Path) -> None:
    provider = told.actor(f"provider-{told.scene.sandbox.provider.lower()}").pseudonymisation
    sent = provider.wait(provider.submit(DATA_SET, month, path).id)
    told.scene.journey.claim(f"{month} is accepted", "accepted", sent.state)


def _three_agreements(told: Purposes) -> None:
    scene = told.scene
    scene.journey.chapter("Three agreements, each for one purpose and one environment")
    body = told.actor("body-contracts").agreements
    loader = told.actor("body-reference-data").agreements
    for organisation, kind, client in (
        (CSU, "ceff", "csu-0df-ceff"),
        (SUPPLIER, "rs_supplier", "csu-0cx-risk"),
    ):
        environment = {"organisation": organisation, "kind": kind, "clients": [client]}
        body.post("/v1/recipient-environments", environment)
        register = f"organisation,hosted_for,valid_from,valid_to\n{organisation},,{BEGUN},\n"
        path = f"/v1/environment-registers/{kind}/imports"
        loader.upload_csv(path, register.encode(), listed_on=scene.stage.today.isoformat())
    commissioning = _wanted(told, "COM", CSU)
    invoices = _wanted(told, "IV", CSU, classification="IDENTIFIABLE")
    approval = {
        "reference": APPROVAL,
        "purposes": ["IV"],
        "valid_from": "2013-04-01",
        "valid_to": _end(sections_of(invoices)),
    }
    loader.post("/v1/section-251-approvals", approval)
    scene.stage.relate(COMMISSIONER, CSU, [SUPPLIER])
    risk = replace(_wanted(told, "RS", SUPPLIER), opt_outs_applied=True)
    for purpose, wanted, sections in (
        ("COM", commissioning, sections_of(commissioning)),
        ("IV", invoices, _for_invoices(invoices)),
        ("RS", risk, _for_a_supplier(risk)),
    ):
        told.references[purpose] = scene.stage.in_force(wanted, f"Purpose {purpose}", sections)
    scene.journey.claim("All three are in force", 3, len(told.references))


def _wanted(told: Purposes, purpose: str, processor: str, **flow: Any) -> Wanted:
    return Wanted(
        controller=COMMISSIONER,
        controller_name=ORGANISATIONS[COMMISSIONER][0],
        processor=processor,
        processor_name=ORGANISATIONS[processor][0],
        flows=[
            Flow(
                data_set=DATA_SET,
                fields=FIELDS,
                first_month=MAY,
                last_month=JUNE,
                purpose=purpose,
                **flow,
            )
        ],
        today=told.scene.stage.today,
    )


def _for_invoices(wanted: Wanted) -> Sections:
    """Identifiable records, to a controlled environment for finance, under section 251."""
    sections = sections_of(replace(wanted, opt_outs_applied=True))
    (line,) = sections[7]["lines"]
    line["recipient_environment"]["kind"] = "ceff"
    line["dissemination_power"] = "s261_7"
    sections[7]["identifiable_justification"] = (
        "An invoice names a patient by the NHS number, and nothing else tells whose it is."
    )
    sections[16]["lines"] = [
        {
            "line": 1,
            "route": "section_251",
            "section_251": {
                "reference": APPROVAL,
                "purpose": "IV",
                "expires": _end(sections),
            },
        }
    ]
    return sections


def _end(sections: Sections) -> str:
    return str(sections[1]["end"])


def _for_a_supplier(wanted: Wanted) -> Sections:
    sections = sections_of(wanted)
    (line,) = sections[7]["lines"]
    line["recipient_environment"]["kind"] = "rs_supplier"
    return sections


def _commissioning(told: Purposes) -> None:
    journey = told.scene.journey
    journey.chapter("Commissioning sees nobody")
    rows = _file_of(told, "COM", MAY, "csu-0df-analytics")
    told.tokens["COM"] = frozenset(row[TOKEN] for row in rows)
    journey.claim("A file of 100 people", PEOPLE, len(told.tokens["COM"]))
    journey.claim("None of their NHS numbers is in it", 0, _numbers_in(rows, told.people))


def _file_of(told: Purposes, purpose: str, month: str, client: str) -> Sequence[Mapping[str, str]]:
    door = told.actor(client).dissemination
    asked = door.request(_body(told, purpose, month))
    return _downloaded(told, door, door.wait(asked.id))


def _body(told: Purposes, purpose: str, month: str) -> dict[str, object]:
    return {
        "agreement": told.references[purpose],
        "purpose": purpose,
        "data_set": DATA_SET,
        "classification": "PSEUDO_ANONYMISED",
        "periods": [month],
        "fields": list(FIELDS),
        "formats": ["csv"],
    }


def _downloaded(told: Purposes, door: Any, done: Extract) -> Sequence[Mapping[str, str]]:
    target = told.scene.output / f"{done.id}.csv"
    door.download(done.files[0].id, target)
    with target.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _numbers_in(rows: Sequence[Mapping[str, str]], people: Sequence[str]) -> int:
    cells = {value for row in rows for value in row.values()}
    return len(cells & set(people))


def _invoice_validation(told: Purposes) -> None:
    journey, scene = told.scene.journey, told.scene
    journey.chapter("Invoice validation is told yes or no of an NHS number, and given no file")
    _objectors(told, told.people[-1:])
    stranger = next(
        str(number)
        for row in scene.rows_of(scene.submitted)
        if (number := row[NUMBER]) and number not in set(told.people)
    )
    asked = {
        "agreement": told.references["IV"],
        "data_set": DATA_SET,
        "invoice": "R0A-2018-0042",
        "provider": told.scene.rows_of(told.scene.output / f"{MAY}.csv")[0]["Provider_Code"][:3],
        "month": MAY,
        "nhs_numbers": [told.people[0], stranger],
    }
    finance = told.actor("csu-0df-ceff").pseudonymisation
    journey.claim(
        "A patient on an invoice was there; another NHS number was not",
        [True, False],
        list(finance.match_invoice(asked)),
    )
    journey.refused(
        "The commissioning team of the same organisation is refused",
        "ENVIRONMENT_MISMATCH",
        lambda: told.actor("csu-0df-analytics").pseudonymisation.match_invoice(asked),
    )


def _objectors(told: Purposes, people: Sequence[str]) -> None:
    """Send who has opted out, the list of today."""
    operator = told.actor("dscro-operator").pseudonymisation
    operator.call(
        "POST",
        "/v1/opt-out-lists",
        content="".join(f"{number}\n" for number in people).encode(),
        headers={"Content-Type": "text/csv"},
        params={"list_date": told.today, "kind": "objectors"},
    )


def _risk_stratification(told: Purposes) -> None:
    journey = told.scene.journey
    journey.chapter("Risk stratification leaves out who said no")
    journey.refused(
        "The same organisation's analysts are refused: it lands with the supplier alone",
        "ENVIRONMENT_MISMATCH",
        lambda: told.actor("csu-0cx-analytics").dissemination.request(_body(told, "RS", MAY)),
    )
    rows = _file_of(told, "RS", MAY, "csu-0cx-risk")
    told.tokens["RS"] = frozenset(row[TOKEN] for row in rows)
    journey.claim("One of the 100 had opted out", PEOPLE - 1, len(told.tokens["RS"]))
    journey.claim(
        "No pseudonym of commissioning's file is in it: the two cannot be put together",
        0,
        len(told.tokens["COM"] & told.tokens["RS"]),
    )


def _an_opt_out_between_two_months(told: Purposes) -> None:
    journey = told.scene.journey
    journey.chapter("Somebody opts out between two months")
    _objectors(told, told.people[-2:])
    journey.refused(
        "May is not prepared again for the newer list alone: the difference would be that person",
        "OPT_OUT_DIFFERENCING",
        lambda: told.actor("csu-0cx-risk").dissemination.request(_body(told, "RS", MAY)),
    )
    rows = _file_of(told, "RS", JUNE, "csu-0cx-risk")
    of_june = frozenset(row[TOKEN] for row in rows)
    journey.claim("June leaves them out", PEOPLE - 2, len(of_june))
    journey.claim("Everybody else has the same pseudonym", True, of_june < told.tokens["RS"])
    june = _file_of(told, "COM", JUNE, "csu-0df-analytics")
    journey.claim(
        "Commissioning, to whom opt-outs do not apply, has all 100 again",
        told.tokens["COM"],
        frozenset(row[TOKEN] for row in june),
    )


def _a_gp_and_nobody_else(told: Purposes) -> None:
    journey, stage = told.scene.journey, told.scene.stage
    journey.chapter("A GP, and only a GP, is told which of their patients a score is about")
    loader = told.actor("body-reference-data").agreements
    practice = f"ods,name,kind,legal_entity,parent,valid_from,valid_to\n{PRACTICE},A practice,"
    practice += "GP_PRACTICE,,,2013-04-01,\n"
    loader.upload_csv("/v1/organisations/imports", practice.encode(), layout="dsfc")
    assured = {
        "organisation": PRACTICE,
        "kind": "DSPT",
        "reference": toolkit(stage.today),
        "status": "STANDARDS_MET",
        "published_on": (stage.today - timedelta(days=60)).isoformat(),
        "seen_on": told.today,
    }
    loader.post("/v1/assurance", assured)
    registered = told.scene.output / "registrations.csv"
    registered.write_text("".join(f"{n},{told.practices[n]}\n" for n in told.people))
    operator = told.actor("dscro-operator").pseudonymisation
    listed = operator.import_registrations(registered, told.today, len(told.people))
    if listed.state == "waiting":
        approver = told.actor("dscro-approver").pseudonymisation
        approver.confirm_registrations(listed.id, "The practices sent it")
    tokens = sorted(told.tokens["RS"])
    asked = {
        "agreement": told.references["RS"],
        "purpose": "RS",
        "data_set": DATA_SET,
        "classification": "PSEUDO_ANONYMISED",
        "reason_code": "case_finding",
        "reason": "The score is high; a review is due.",
    }
    gp = told.actor("practice-j81002").pseudonymisation
    answers = [
        answer
        for at in range(0, len(tokens), 10)
        for answer in gp.reidentified(gp.reidentify(asked | {"tokens": tokens[at : at + 10]}).id)
    ]
    own = [answer for answer in answers if answer.outcome == "number"]
    journey.claim(
        "Of all pseudonyms one is the practice's patient, and is named",
        [told.people[0]],
        [answer.nhs_number for answer in own],
    )
    journey.claim(
        "Of everybody else it hears that they are another practice's",
        {"not_registered_with_you"},
        {answer.outcome for answer in answers} - {"number"},
    )
    journey.refused(
        "The supplier who made the score is refused, and the attempt is logged",
        "DIRECT_CARE_ONLY",
        lambda: told.actor("csu-0cx-risk").pseudonymisation.reidentify(
            asked | {"tokens": [own[0].token]}
        ),
    )


def _scores_come_back(told: Purposes) -> None:
    journey = told.scene.journey
    journey.chapter("The supplier's scores come back, and go where they may")
    agreement = _agreement_about_scores(told)
    tokens = sorted(told.tokens["RS"])
    lines = "".join(f"{token},{place}.5\n" for place, token in enumerate(tokens))
    said = {
        "agreement": told.references["RS"],
        "data_set": DATA_SET,
        "classification": "PSEUDO_ANONYMISED",
        "as_at": f"{MAY}-31",
        "model": "Combined Model",
        "model_version": "2",
    }
    supplier = told.actor("csu-0cx-risk").pseudonymisation
    journey.refused(
        "One score of nobody refuses them all",
        "TOKENS_UNKNOWN",
        lambda: supplier.return_scores(f"{lines}{tokens[0][:4]}{'A' * 20},1\n".encode(), **said),
        status=409,
    )
    sent = supplier.return_scores(lines.encode(), **said)
    journey.claim("The scores of 99 people are taken", PEOPLE - 1, sent.people)
    operator = told.actor("dscro-operator").pseudonymisation
    journey.claim("They are landed", "accepted", operator.wait(sent.id).state)
    _nobody_more_objected(told)
    asked = {
        "agreement": agreement,
        "purpose": "RS",
        "data_set": SCORES,
        "periods": [MAY],
        "formats": ["csv"],
    }
    commissioner = told.actor("csu-0df-analytics").dissemination
    wanted = asked | {"classification": "PSEUDO_ANONYMISED", "fields": [*SCORE_FIELDS]}
    of_commissioner = commissioner.wait(commissioner.request(wanted).id)
    rows = _downloaded(told, commissioner, of_commissioner)
    journey.claim(
        "The commissioner has them without identity, less who opted out since",
        (PEOPLE - 2, 0),
        (len(rows), _numbers_in(rows, told.people)),
    )
    gp = told.actor("practice-j81002").dissemination
    wanted = asked | {"classification": "IDENTIFIABLE", "fields": ["NHS_NUMBER", "SCORE"]}
    of_gp = gp.wait(gp.request(wanted).id)
    (own,) = _downloaded(told, gp, of_gp)
    journey.claim("The GP has those of their own patients", told.people[0], own["NHS_NUMBER"])
    journey.refused(
        "The commissioner does not get the practice's file",
        "ENVIRONMENT_MISMATCH",
        lambda: commissioner.request(wanted),
    )
    listed = {line.file_id for line in commissioner.register()}
    journey.claim(
        "Each file has its line in the register",
        True,
        {str(file.id) for done in (of_commissioner, of_gp) for file in done.files}
        <= {str(one) for one in listed},
    )


def _agreement_about_scores(told: Purposes) -> str:
    """One line for the commissioner, one for the practice, that is no party (ruling 29)."""
    scene = told.scene
    loader = told.actor("body-reference-data").agreements
    practices = scene.output / "practices.csv"
    of_map = (scene.suite.directory / INPUT / "practices.csv").read_text("utf-8")
    practices.write_text(f"{of_map}{PRACTICE},{COMMISSIONER}\n")
    loader.import_map(practices, "practice", f"{MAY}-01")
    told.actor("body-contracts").agreements.post(
        "/v1/recipient-environments",
        {"organisation": PRACTICE, "kind": "gp_practice", "clients": ["practice-j81002"]},
    )
    flow = Flow(
        data_set=SCORES,
        fields=SCORE_FIELDS,
        first_month=MAY,
        last_month=MAY,
        purpose="RS",
        reasons=("G",),
        sensitivity="SENSITIVE",
    )
    of_practice = replace(
        flow,
        fields={"NHS_NUMBER": "identified", "SCORE": "as_is"},
        classification="IDENTIFIABLE",
    )
    wanted = replace(_wanted(told, "RS", CSU), flows=[flow, of_practice], opt_outs_applied=True)
    sections = sections_of(wanted)
    line = sections[7]["lines"][1]
    line["recipient_environment"] = {"organisation": PRACTICE, "kind": "gp_practice"}
    line["dissemination_power"] = "s261_7"
    sections[7]["identifiable_justification"] = (
        "A GP calls patients in by their names, which the NHS number leads to."
    )
    sections[16]["lines"][1] = {
        "line": 2,
        "route": "section_251",
        "section_251": {"reference": OWN_APPROVAL, "purpose": "RS", "expires": _end(sections)},
    }
    loader.post(
        "/v1/section-251-approvals",
        {
            "reference": OWN_APPROVAL,
            "purposes": ["RS"],
            "valid_from": "2013-04-01",
            "valid_to": _end(sections),
        },
    )
    return scene.stage.in_force(wanted, "Scores of risk stratification", sections)


def _nobody_more_objected(told: Purposes) -> None:
    """Ask the national service about those who are scored; the reply clears them all."""
    operator = told.actor("dscro-operator").pseudonymisation
    check = operator.open_check(SCORES, [MAY], "RS")
    asked = operator.check_request(check.id, told.scene.output / "check.dat")
    operator.answer_check(check.id, asked)


def _was_i_in_it(told: Purposes) -> None:
    journey = told.scene.journey
    journey.chapter("“Was I in it?”")
    first, second = (told.actor(f"body-governance-{n}").pseudonymisation for n in (1, 2))
    found = []
    for person in (told.people[0], told.people[-1]):
        asked = first.ask_for_subject_access(person, "A data subject asked")
        second.confirm_subject_access(asked.id, "Identity was checked")
        references = {reference: purpose for purpose, reference in told.references.items()}
        releases = first.releases_of_person(asked.id)
        found.append(sorted(references[r.agreement] for r in releases if r.agreement in references))
    journey.claim(
        "Two people of information governance learn in which of these files somebody was",
        ["COM", "COM", "RS", "RS"],
        found[0],
    )
    journey.claim("Who had opted out was in those of commissioning alone", ["COM", "COM"], found[1])
