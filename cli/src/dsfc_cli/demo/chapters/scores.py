"""Scores of risk stratification: they come back, and go to commissioner and practice."""

from dataclasses import replace
from typing import Final

from dsfc_cli.demo.answers import Flow, sections_of
from dsfc_cli.demo.chapters.same_people import (
    CSU,
    DATA_SET,
    MAY,
    PEOPLE,
    PRACTICE,
    Purposes,
    downloaded,
    end_of,
    numbers_in,
    wanted_of,
)
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_cli.demo.sandbox import INPUT

SCORES: Final = "RISK_SCORES"
SCORE_FIELDS: Final = {"SCORE": "as_is", "MODEL": "as_is", "PRACTICE_CODE": "as_is"}
OWN_APPROVAL: Final = "CAG 22/CAG/0051"


def come_back(told: Purposes) -> None:
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
    rows = downloaded(told, commissioner, of_commissioner)
    journey.claim(
        "The commissioner has them without identity, less who opted out since",
        (PEOPLE - 2, 0),
        (len(rows), numbers_in(rows, told.people)),
    )
    gp = told.actor("practice-j81002").dissemination
    wanted = asked | {"classification": "IDENTIFIABLE", "fields": ["NHS_NUMBER", "SCORE"]}
    of_gp = gp.wait(gp.request(wanted).id)
    (own,) = downloaded(told, gp, of_gp)
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
    wanted = replace(wanted_of(told, "RS", CSU), flows=[flow, of_practice], opt_outs_applied=True)
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
        "section_251": {"reference": OWN_APPROVAL, "purpose": "RS", "expires": end_of(sections)},
    }
    loader.post(
        "/v1/section-251-approvals",
        {
            "reference": OWN_APPROVAL,
            "purposes": ["RS"],
            "valid_from": "2013-04-01",
            "valid_to": end_of(sections),
        },
    )
    return scene.stage.in_force(wanted, "Scores of risk stratification", sections)


def _nobody_more_objected(told: Purposes) -> None:
    """Ask the national service about those who are scored; the reply clears them all."""
    operator = told.actor("dscro-operator").pseudonymisation
    check = operator.open_check(SCORES, [MAY], "RS")
    asked = operator.check_request(check.id, told.scene.output / "check.dat")
    operator.answer_check(check.id, asked, check.reference)
