"""The three purposes side by side: the same 100 people, and three who may know different things."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from dsfc_cli.demo.answers import Sections, Wanted, sections_of, toolkit
from dsfc_cli.demo.chapters import scores
from dsfc_cli.demo.chapters.same_people import (
    CSU,
    DATA_SET,
    FIELDS,
    INVOICE_FIELDS,
    JUNE,
    MAY,
    NUMBER,
    PEOPLE,
    PRACTICE,
    TOKEN,
    Purposes,
    body_of,
    end_of,
    file_of,
    numbers_in,
    wanted_of,
)
from dsfc_cli.demo.chapters.scene import Scene
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_cli.demo.sandbox import INPUT
from dsfc_cli.demo.stage import BEGUN

SUPPLIER: Final = "0CX"
APPROVAL: Final = "CAG 7-07(c)/2013"
GP_PRACTICE: Final = "GP_Practice_Code"
MONTHS_LATER: Final = {MAY: "05", JUNE: "06"}


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
    scores.come_back(told)
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
    commissioning = wanted_of(told, "COM", CSU)
    invoices = wanted_of(
        told, "IV", CSU, classification="IDENTIFIABLE", fields=FIELDS | INVOICE_FIELDS
    )
    approval = {
        "reference": APPROVAL,
        "purposes": ["IV"],
        "valid_from": "2013-04-01",
        "valid_to": end_of(sections_of(invoices)),
    }
    loader.post("/v1/section-251-approvals", approval)
    scene.stage.relate(COMMISSIONER, CSU, [SUPPLIER])
    risk = replace(wanted_of(told, "RS", SUPPLIER), opt_outs_applied=True)
    for purpose, wanted, sections in (
        ("COM", commissioning, sections_of(commissioning)),
        ("IV", invoices, for_invoices(invoices)),
        ("RS", risk, _for_a_supplier(risk)),
    ):
        told.references[purpose] = scene.stage.in_force(wanted, f"Purpose {purpose}", sections)
    scene.journey.claim("All three are in force", 3, len(told.references))


def for_invoices(wanted: Wanted) -> Sections:
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
                "expires": end_of(sections),
            },
        }
    ]
    return sections


def _for_a_supplier(wanted: Wanted) -> Sections:
    sections = sections_of(wanted)
    (line,) = sections[7]["lines"]
    line["recipient_environment"]["kind"] = "rs_supplier"
    return sections


def _commissioning(told: Purposes) -> None:
    journey = told.scene.journey
    journey.chapter("Commissioning sees nobody")
    rows = file_of(told, "COM", MAY, "csu-0df-analytics")
    told.tokens["COM"] = frozenset(row[TOKEN] for row in rows)
    journey.claim("A file of 100 people", PEOPLE, len(told.tokens["COM"]))
    journey.claim("None of their NHS numbers is in it", 0, numbers_in(rows, told.people))


def _invoice_validation(told: Purposes) -> None:
    journey, scene = told.scene.journey, told.scene
    journey.chapter("Invoice validation knows whom it pays for, in its controlled environment")
    _objectors(told, told.people[-1:])
    journey.refused(
        "The commissioning team of the same organisation is refused the file",
        "ENVIRONMENT_MISMATCH",
        lambda: told.actor("csu-0df-analytics").dissemination.request(body_of(told, "IV", MAY)),
    )
    rows = file_of(told, "IV", MAY, "csu-0df-ceff")
    journey.claim(
        "The file has the NHS numbers of the same people, without the one who had opted out",
        sorted(told.people[:-1]),
        sorted({row[NUMBER] for row in rows}),
    )
    told.tokens["IV"] = frozenset(row[TOKEN] for row in rows)
    journey.claim(
        "No pseudonym of commissioning's file is in it: the two cannot be put together",
        0,
        len(told.tokens["COM"] & told.tokens["IV"]),
    )
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
        lambda: told.actor("csu-0cx-analytics").dissemination.request(body_of(told, "RS", MAY)),
    )
    rows = file_of(told, "RS", MAY, "csu-0cx-risk")
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
        lambda: told.actor("csu-0cx-risk").dissemination.request(body_of(told, "RS", MAY)),
    )
    rows = file_of(told, "RS", JUNE, "csu-0cx-risk")
    of_june = frozenset(row[TOKEN] for row in rows)
    journey.claim("June leaves them out", PEOPLE - 2, len(of_june))
    journey.claim("Everybody else has the same pseudonym", True, of_june < told.tokens["RS"])
    june = file_of(told, "COM", JUNE, "csu-0df-analytics")
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
        ["COM", "COM", "IV", "RS", "RS"],
        found[0],
    )
    journey.claim("Who had opted out was in those of commissioning alone", ["COM", "COM"], found[1])
