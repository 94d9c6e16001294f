"""The life of an agreement: amended, passed on, supported, breached, ended, destroyed."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

from common.clock import SystemClock, legal_day
from dsfc_cli.demo.answers import Flow, Wanted, sections_of
from dsfc_cli.demo.chapters import support
from dsfc_cli.demo.chapters.scene import Scene
from dsfc_cli.demo.material import COMMISSIONER, FIELDS, MONTH
from dsfc_cli.demo.stage import ORGANISATIONS, identity_of
from dsfc_client import wait_for
from dsfc_client.models import Destruction, HeldCopy

CSU, SUCCESSOR = "0DF", "00L"
EVENT_SECONDS_MAX = 30.0


def tell(scene: Scene) -> None:
    """Tell all five scenes. Raises ClaimFailed at the first claim that does not hold."""
    _amendment(scene)
    support.lapses_and_is_extended(scene)
    _breach(scene)
    _succession(scene)
    _destruction(scene)


def _amendment(scene: Scene) -> None:
    journey, stage, sandbox = scene.journey, scene.stage, scene.sandbox
    journey.chapter("An amendment governs from its own signatures")
    columns = dict(FIELDS[sandbox.data_set])
    dropped, _ = columns.popitem()
    wanted = _wanted(scene, columns)
    applicant = stage.applicant(COMMISSIONER)
    body = scene.actor("body-contracts").agreements
    before = body.agreement(sandbox.agreement)
    drafted = applicant.draft(
        {
            "kind": "amendment",
            "title": "Synthetic sandbox: one column fewer",
            "amends": sandbox.agreement,
        },
        key=str(uuid4()),
    )
    for number, answers in sections_of(wanted).items():
        applicant.answer(drafted.id, number, answers)
    applicant.act(drafted.id, "submission")
    stage.decide(str(drafted.id), wanted.approval)
    shown = wait_for(
        lambda: body.get(f"/v1/agreements/{sandbox.agreement}"),
        lambda found: len(found["versions"]) > 1,
        timeout_seconds=EVENT_SECONDS_MAX,
    )
    later = shown["versions"][-1]["version"]
    journey.claim(
        "Approved, it waits for signatures, and the former version governs (A27)",
        ("ACTIVE", before.version),
        (shown["state"], shown["version"]),
    )
    said = body.differences(sandbox.agreement, former=before.version, later=later)
    for change in said:
        journey.say(change.sentence)
    journey.claim(
        "What differs is said in sentences: one column is taken out",
        True,
        any(f"{dropped} taken out" in change.sentence for change in said),
    )
    signers = stage.signers(wanted)
    _sign(scene, signers[:-1], later)
    journey.claim(
        "With one signature missing it is still the former one",
        before.version,
        body.agreement(sandbox.agreement).version,
    )
    _sign(scene, signers[-1:], later)
    journey.claim(
        "The last signature puts it into effect", later, body.agreement(sandbox.agreement).version
    )
    journey.refused(
        f"{dropped} is in no line any more",
        "FIELD_NOT_IN_DSA",
        scene.refusals(fields=[dropped]),
    )


def _wanted(scene: Scene, columns: dict[str, str]) -> Wanted:
    stage = scene.stage
    flow = Flow(
        data_set=scene.sandbox.data_set,
        fields=columns,
        first_month=MONTH[0],
        last_month=MONTH[0],
    )
    return Wanted(
        controller=COMMISSIONER,
        controller_name=ORGANISATIONS[COMMISSIONER][0],
        processor=CSU,
        processor_name=ORGANISATIONS[CSU][0],
        flows=[flow],
        today=stage.today,
    )


def _sign(scene: Scene, signers: Sequence[tuple[str, str]], version: str) -> None:
    for identity, party in signers:
        role = "controller-signatory" if identity.endswith("-signatory") else None
        agreements = scene.actor(identity, role).agreements
        path = f"/v1/agreements/{scene.sandbox.agreement}/document"
        document = agreements.call("GET", path, params={"version": version})
        agreements.sign(
            scene.sandbox.agreement,
            {
                "party": party,
                "document_hash": document.headers["Digest-SHA256"],
                "name_of_role": "SIRO",
            },
        )


def _succession(scene: Scene) -> None:
    journey, stage = scene.journey, scene.stage
    journey.chapter("A succession: what it would move is shown before, and then it is recorded")
    body = scene.actor("body-contracts").agreements
    merged = (stage.today + timedelta(days=60)).isoformat()
    preview = body.preview_transfer(COMMISSIONER, SUCCESSOR, merged)
    journey.say(preview.text)
    journey.claim(
        "The contract, the agreements and the files that are held would pass",
        (1, True),
        (preview.contracts, scene.sandbox.agreement in preview.agreements),
    )
    successor = scene.actor(identity_of(SUCCESSOR, "signatory"), "controller-signatory").agreements

    def of_the_successor() -> set[str]:
        return {one.reference for one in successor.list()}

    journey.claim(
        "Until there is an instrument, the successor knows of nothing",
        False,
        scene.sandbox.agreement in of_the_successor(),
    )
    instrument = {
        "predecessor": COMMISSIONER,
        "successor": SUCCESSOR,
        "effective_from": stage.today.isoformat(),
        "evidence": "Transfer scheme, schedule 2",
    }
    body.record_transfer(instrument)
    journey.claim(
        "By the instrument, whose day is today, the agreement is its own",
        True,
        scene.sandbox.agreement in of_the_successor(),
    )
    csu = scene.actor("csu-0df-analytics").dissemination
    columns = dict(list(FIELDS[scene.sandbox.data_set].items())[:2])
    after = csu.wait(scene.ask(fields=list(columns)).id)
    journey.claim("The CSU goes on under it, in the successor's name", "released", after.state)


def _breach(scene: Scene) -> None:
    journey, sandbox = scene.journey, scene.sandbox
    journey.chapter("A breach goes to its end")
    csu = scene.actor("csu-0df-analytics").agreements
    handler = scene.actor("body-breach-1").agreements
    reported = csu.report_breach(
        {
            "activity_stopped": "no",
            "agreement": sandbox.agreement,
            "lines": [1],
            "description": "A report was sent to a mailbox that is not in the agreement.",
            "discovered_at": SystemClock().now().isoformat(),
        }
    )
    journey.claim("A report that has not stopped holds its lines", 1, len(reported.holds))
    journey.refused("So nothing of them leaves", "BREACH_OPEN", scene.refusals())
    preview = handler.preview_finding(reported.id)
    journey.claim(
        "What a finding would do is shown before: the line, and the file to destroy",
        ([1], 1, sandbox.agreement),
        (preview["hold"]["lines"], preview["files_to_destroy"], preview["agreement"]),
    )
    handler.establish_facts(
        reported.id, {"facts": "The mailbox belongs to the same CSU.", "records_affected": 0}
    )
    handler.judge_breach(reported.id, {"finding": "minor", "actions": []})
    closed = handler.close_breach(
        reported.id, {"outcome": "Deleted unread.", "lesson": "Recipients are chosen from a list."}
    )
    journey.claim("With facts, a finding and a lesson it is closed", "CLOSED", closed.state)
    journey.claim(
        "The register says that the agreement is suspended while it is held",
        ["SUSPENDED"],
        [change["status"] for change in closed.register_changes],
    )
    [hold] = closed.holds
    handler.approve_lift(hold.id, "Nothing is left there.")
    journey.refused("One person lifts no hold", "BREACH_OPEN", scene.refusals())
    scene.actor("body-approver").agreements.approve_lift(hold.id, "So it is.")
    journey.claim("Two do", "ACTIVE", csu.agreement(sandbox.agreement).state)


def _destruction(scene: Scene) -> None:
    journey, sandbox = scene.journey, scene.sandbox
    journey.chapter("A destruction that misses a file is not accepted, and then it is complete")
    csu = scene.actor("csu-0df-analytics").dissemination
    columns = dict(list(FIELDS[sandbox.data_set].items())[:3])
    second = csu.wait(scene.ask(fields=list(columns)).id)
    body = scene.actor("body-contracts").agreements
    body.post(f"/v1/agreements/{sandbox.agreement}/termination", {"reason": "It is not needed."})
    journey.claim(
        "Ended, it is due to be destroyed",
        "DESTRUCTION_DUE",
        body.agreement(sandbox.agreement).state,
    )
    signatory = scene.actor(identity_of(SUCCESSOR, "signatory"), "controller-signatory").agreements
    copies = signatory.prefilled_certificate(sandbox.agreement)
    files = {copy.file_id for copy in copies}
    journey.claim(
        "The prefilled certificate, which is the successor's to give, has all three files",
        (3, True),
        (len(files), {sandbox.file, str(second.files[0].id)} <= files),
    )
    missed = [copy for copy in copies if copy.file_id == sandbox.file]

    def certify(some: Sequence[HeldCopy]) -> Destruction:
        said = {"method": "overwriting", "destroyed_on": legal_day(SystemClock().now()).isoformat()}
        return signatory.certify_destruction(
            sandbox.agreement,
            {"name_of_role": "SIRO", "copies": [{"copy_id": c.id, **said} for c in some]},
        )

    certify([copy for copy in copies if copy.file_id != sandbox.file])
    journey.refused(
        "A certificate that misses a file is not accepted (X01)",
        "CERTIFICATE_INCOMPLETE",
        lambda: body.accept_destruction(sandbox.agreement, "Two of three are there."),
        status=409,
    )
    journey.claim("The rest makes it whole", "CERTIFIED", certify(missed).state)
    body.accept_destruction(sandbox.agreement, "All are there.")
    approver = scene.actor("body-approver").agreements
    journey.claim(
        "Two people accept it, and the agreement is closed (X02)",
        ("ACCEPTED", "CLOSED"),
        (
            approver.accept_destruction(sandbox.agreement, "So I see.").state,
            body.agreement(sandbox.agreement).state,
        ),
    )
    journey.refused("Nothing is given out under it again", "DSA_NOT_ACTIVE", scene.refusals())
