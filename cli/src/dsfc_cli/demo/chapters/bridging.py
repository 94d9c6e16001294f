"""What one person cannot give: pairs of pseudonyms, opt-outs set aside, the Body's own data."""

import csv
from collections.abc import Sequence
from typing import Any, Final

from common.ids import digest
from dsfc_cli.demo.answers import Flow, Sections, Wanted, sections_of
from dsfc_cli.demo.chapters import support
from dsfc_cli.demo.chapters.purposes import for_invoices
from dsfc_cli.demo.chapters.same_people import CSU, FIELDS, INVOICE_FIELDS, TOKEN, end_of
from dsfc_cli.demo.chapters.scene import Scene
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_cli.demo.sandbox import body_of
from dsfc_cli.demo.stage import BODY, ORGANISATIONS
from dsfc_client import Extract

OTHER: Final = "Other_Token"
LETTER: Final = "Letter of the group, 7-07"
INSTRUCTION: Final = "II-1"


def tell(scene: Scene) -> None:
    """Tell all three parts. Raises ClaimFailed at the first claim that does not hold."""
    _pairs(scene)
    _a_letter(scene)
    _an_instruction(scene)


def _pairs(scene: Scene) -> None:
    journey, stage = scene.journey, scene.stage
    journey.chapter("Pseudonyms of two agreements are paired once, where both agreements say so")
    wanted, columns = _wanted(scene), list(FIELDS)
    applicant = stage.applicant(COMMISSIONER)
    application = stage.apply(wanted, "The one")
    applicant.act(application, "submission")
    first = applicant.application(application).reference
    officer = scene.actor("body-case-officer").applications
    officer.act(application, "review")
    query = {"standard": 10, "text": "With which other agreement?"}
    officer.act(application, "return", {"queries": [query]})
    second = stage.in_force(wanted, "The other", _paired_with(wanted, first, scene))
    applicant.answer(application, 10, _paired_with(wanted, second, scene)[10])
    answer = {"query": "1", "answer": f"With {second}."}
    applicant.act(application, "submission", {"answers": [answer]})
    stage.decide(application)
    stage.drafted(application)
    door = scene.actor("csu-0df-analytics").dissemination
    asked = {
        "agreement": first,
        "purpose": "COM",
        "data_set": scene.sandbox.data_set,
        "bridge": {"agreement": second, "purpose": "COM", "data_set": scene.sandbox.data_set},
        "periods": [scene.sandbox.month],
        "formats": ["csv"],
    }
    journey.refused(
        "One of the two is not signed yet", "DSA_NOT_ACTIVE", lambda: door.bridge(asked)
    )
    stage.sign(first, stage.signers(wanted))
    journey.refused(
        "The agreement of the sandbox does not name the other one",
        "BRIDGING_NOT_IN_DSA",
        lambda: door.bridge({**asked, "agreement": scene.sandbox.agreement}),
    )
    done = door.wait_for_bridging_file(door.bridge(asked).id)
    pairs = [(row[TOKEN], row[OTHER]) for row in _rows(scene, done)]
    one, other = (
        {
            row[TOKEN]
            for row in _rows(
                scene,
                door.wait(door.request(body_of(of, fields=columns, formats=["csv"])).id),
            )
        }
        for of in (first, second)
    )
    journey.claim("The files of the two agreements share no pseudonym", 0, len(one & other))
    journey.claim(
        "Each pair has one of each file, and everybody is in one pair",
        (True, True, len(pairs), len(pairs)),
        (
            {own for own, _ in pairs} <= one,
            {far for _, far in pairs} <= other,
            len({own for own, _ in pairs}),
            len({far for _, far in pairs}),
        ),
    )
    journey.claim(
        "The public register says with whose pseudonyms they are paired",
        [second],
        [line.bridged.split()[-1] for line in door.register() if line.bridged],
    )
    journey.refused(
        "It is given once: two of them would tell who came and who went",
        "BRIDGING_FILE_GIVEN",
        lambda: door.bridge(asked),
    )


def _wanted(scene: Scene, controller: str = COMMISSIONER, **flow: Any) -> Wanted:
    month = scene.sandbox.month
    said = {"fields": FIELDS, "first_month": month, "last_month": month} | flow
    return Wanted(
        controller=controller,
        controller_name=ORGANISATIONS[controller][0],
        processor=CSU,
        processor_name=ORGANISATIONS[CSU][0],
        flows=[Flow(data_set=scene.sandbox.data_set, **said)],
        today=scene.stage.today,
    )


def _paired_with(wanted: Wanted, other: str, scene: Scene) -> Sections:
    sections = sections_of(wanted)
    sections[10]["linkage"] = [
        {
            "data_sets": [scene.sandbox.data_set],
            "key": "bridging_file",
            "agreement": other,
            "from": scene.stage.today.isoformat(),
            "mitigation": "Both files stay with one CSU; pairs name nobody.",
        }
    ]
    return sections


def _rows(scene: Scene, done: Extract) -> Sequence[dict[str, str]]:
    target = scene.output / f"{done.id}.csv"
    scene.actor("csu-0df-analytics").dissemination.download(done.files[0].id, target)
    with target.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _a_letter(scene: Scene) -> None:
    journey, stage = scene.journey, scene.stage
    journey.chapter("Opt-outs are set aside for a purpose by a letter that two people have seen")
    wanted = support.of_invoices(scene)
    support.record(scene, end_of(sections_of(wanted)))
    sections = for_invoices(wanted)
    exempt = {"line": 1, "applied": False, "reason": "exemption", "exemption_letter": LETTER}
    sections[8] = {"lines": [exempt]}
    asked = body_of(
        stage.in_force(wanted, "Invoices, with everybody", sections),
        purpose="IV",
        classification="IDENTIFIABLE",
        fields=[*FIELDS, *INVOICE_FIELDS],
        formats=["csv"],
    )
    door = scene.actor(support.CLIENT).dissemination

    def refused(what: str) -> None:
        journey.refused(what, "OPT_OUT_NOT_APPLIED", lambda: door.request(asked))

    refused("Without a letter a line that leaves opt-outs out is refused (ruling 27)")
    loader = scene.actor("body-reference-data").agreements
    second = scene.actor("body-contracts").agreements
    letter = loader.record_opt_out_waiver(
        {
            "reference": LETTER,
            "purpose": "IV",
            "data_sets": [],
            "dated": stage.today.isoformat(),
            "valid_from": stage.today.isoformat(),
            "document_digest": digest(LETTER.encode()),
            "source": "The group's page; invented for the demonstration",
        }
    )
    journey.claim("Recorded, it waits for a second person", "waiting", letter.state)
    refused("So long it counts for nothing")
    second.confirm_opt_out_waiver(letter.id, "The letter lies before me.")
    permitted = door.request(asked)
    said = permitted.opt_outs
    journey.claim(
        "Confirmed, it counts, and the answer names it",
        (False, f"{LETTER} of {stage.today}"),
        (said and said.applied, said and said.ground and said.ground.letter),
    )
    second.withdraw_opt_out_waiver(letter.id, "It was for another purpose.")
    refused("Taken back by one person, opt-outs are upheld again at once")


def _an_instruction(scene: Scene) -> None:
    journey, stage = scene.journey, scene.stage
    journey.chapter("Where the Body is the commissioner, two of its roles sign an instruction")
    stage.admit_body()
    stage.relate(BODY, CSU)
    wanted = _wanted(scene, BODY, reasons=())
    reference = stage.in_force(wanted, "The Body's own", sections_of(wanted))
    door = scene.actor("csu-0df-analytics").dissemination
    asked = body_of(reference, fields=list(FIELDS))

    def refused(what: str) -> None:
        journey.refused(what, "INSTRUCTION_NOT_SIGNED", lambda: door.request(asked))

    refused("It has no contract with itself, and nothing in place of it (ruling 14)")
    manager = scene.actor("body-contracts").agreements
    instruction = manager.record_internal_instruction(
        {
            "reference": INSTRUCTION,
            "agreement": reference,
            "valid_from": stage.today.isoformat(),
            "valid_to": end_of(sections_of(wanted)),
            "document_digest": digest(INSTRUCTION.encode()),
        }
    )
    manager.sign_internal_instruction(instruction.id)
    refused("Signed by the contract manager alone, it is none")
    signed = scene.actor("body-approver").agreements.sign_internal_instruction(instruction.id)
    journey.claim("The approver, another person, signs it as well", (), signed.missing)
    journey.claim("Now its CSU is given data", "requested", door.request(asked).state)
    manager.withdraw_internal_instruction(instruction.id, "The function was moved.")
    refused("One person withdraws it, and nothing is given any more")
