"""The reference evaluator: slow and obvious, written from domain.md and not from the code.

It reads the rows of `world` as a case officer with a calendar would, and looks at each of them
every time. Its tables are domain.md's own, copied from the page, not the service's YAML. It says
what is refused, as a set of (code, what it is about), or what exactly is granted.

Numbers in brackets are sections of domain.md; "ruling" is one of section 0.
"""

import calendar
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.agreements.tests.reference.world import ENVIRONMENT, LONDON, REFERENCE, Json, sha

# [4.2], row by row; a cell that says "own" or "where needed" is a yes for what the line lists.
ROWS = (
    "NHS number", "other direct", "full date of birth", "full postcode", "local id", "about staff",
    "pseudonym", "age, sex, ethnicity", "place of residence", "diagnosis", "sensitive",
    "organisation", "administrative",
)  # fmt: skip
EVERYBODY = {
    "about staff", "age, sex, ethnicity", "diagnosis", "organisation", "administrative",
}  # fmt: skip
PSEUDONYMISED = EVERYBODY | {"pseudonym", "place of residence", "sensitive"}
CEILING = {
    ("COM", "PSEUDO_ANONYMISED", "analytics"): PSEUDONYMISED,
    ("COM", "PSEUDO_ANONYMISED", "ash"): PSEUDONYMISED,
    ("RS", "IDENTIFIABLE", "rs_supplier"): PSEUDONYMISED | {"NHS number", "full date of birth"},
    ("RS", "IDENTIFIABLE", "gp_practice"): PSEUDONYMISED
    | {"NHS number", "full date of birth", "full postcode", "local id"},
    ("RS", "PSEUDO_ANONYMISED", "analytics"): PSEUDONYMISED,
    ("RS", "PSEUDO_ANONYMISED", "rs_supplier"): PSEUDONYMISED,
    ("RS", "PSEUDO_ANONYMISED", "gp_practice"): PSEUDONYMISED,
    ("IV", "IDENTIFIABLE", "ceff"): EVERYBODY | {"NHS number", "local id"},
    ("IV", "IDENTIFIABLE", "ash"): EVERYBODY | {"NHS number", "local id"},
    ("IV", "PSEUDO_ANONYMISED", "ceff"): EVERYBODY,
    ("IV", "PSEUDO_ANONYMISED", "ash"): EVERYBODY,
}
COUNTED = PSEUDONYMISED - {"about staff", "pseudonym"}
for aggregates in ("AGGREGATE_SUPPRESSED", "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED"):
    for to in ("analytics", "ash"):
        CEILING["COM", aggregates, to] = COUNTED
    for to in ("analytics", "rs_supplier", "gp_practice"):
        CEILING["RS", aggregates, to] = COUNTED
    for to in ("ceff", "ash"):
        CEILING["IV", aggregates, to] = EVERYBODY - {"about staff"}
    for to in ("analytics", "ceff", "ash", "rs_supplier", "gp_practice"):
        CEILING["OTHER", aggregates, to] = COUNTED
for where in ("analytics", "ceff", "ash", "rs_supplier", "gp_practice"):
    CEILING["OTHER", "IDENTIFIABLE", where] = set(ROWS)  # ruling 14
    CEILING["OTHER", "PSEUDO_ANONYMISED", where] = PSEUDONYMISED

POWERS = {  # [3.3]: code -> (carries identifiable data, ways it stands on)
    "s261": (False, None),
    "s261_1": (False, None),
    "s261_1_and_s261_2_b_ii": (False, None),
    "s261_2_a": (False, None),
    "s261_2_b_ii": (False, None),
    "s261_2_c": (True, {"consent"}),
    "s261_4": (False, None),
    "s261_5_d": (True, {"other_law", "not_identifiable"}),
    "s261_7": (True, {"section_251"}),
}
CLASSIFICATIONS = {
    "IDENTIFIABLE", "PSEUDO_ANONYMISED", "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED",
    "AGGREGATE_SUPPRESSED",
}  # fmt: skip
NOT_FOR_AGGREGATES = {"s261_2_c", "s261_7"}

CONDITIONS = [f"paragraph {n}" for n in range(1, 29) if n != 5]  # DPA 2018, Schedule 1
WORDS = {  # [3.2] Annex B
    "sensitivity": ("SENSITIVE", "NON_SENSITIVE"),
    "frequency": (
        "one_off", "daily", "weekly", "monthly", "quarterly", "yearly", "on_request",
    ),
    "access_method": ("ONE_OFF", "ONGOING", "FREQUENT_ADHOC_FLOW", "SYSTEM_ACCESS"),
}  # fmt: skip

CAG_FLOWS = {  # [4.1]
    "CAG 7-04(a)/2013": ({"RS"}, {"rs_supplier", "gp_practice"}, set()),
    "CAG 7-07(a)/2013": ({"IV"}, {"ash"}, set()),
    "CAG 7-07(b)/2013": ({"IV"}, {"ceff"}, {"CCG", "SUB_ICB_LOCATION", "ICB"}),
    "CAG 7-07(c)/2013": ({"IV"}, {"ceff"}, {"CSU"}),
    "CAG 2-03(a)/2013": ({"COM", "IV"}, {"ash"}, set()),
}

DSPT_EDITIONS = [  # [2.6]: an edition is the latest from its first day on
    ("18/19", date(2018, 4, 1)), ("19/20", date(2019, 7, 1)), ("20/21", date(2020, 10, 1)),
    ("21/22", date(2021, 7, 1)), ("22/23", date(2022, 7, 1)),
]  # fmt: skip

LENGTHENED = {  # ruling 23 and 0.1: of these kinds three characters come with 00 behind them
    "CCG", "SUB_ICB_LOCATION", "ICB", "NHS_ENGLAND", "NHS_ENGLAND_HUB", "BODY", "NHS_TRUST",
    "INDEPENDENT_PROVIDER", "LOCAL_AUTHORITY",
}  # fmt: skip

Found = set[tuple[str, str | None]]


def evaluate(world: Json, question: Json, now: datetime) -> Found:
    """Every reason why not; empty means yes."""
    if world["last_decision_at"] is not None and now < world["last_decision_at"]:
        return {("CLOCK_UNTRUSTED", None)}
    if question["action"] == "release" and (not question["file"] or not question["permit"]):
        return {("ATTESTATION_INVALID", None)}
    found = Evaluation(world, question, now).refusals()
    if ("AGREEMENT_NOT_FOUND", None) in found:
        return found
    for waiting in world.get("waiting", []):  # ruling 20: the stricter of both holds
        would_be = Evaluation(world | waiting, question, now).refusals()
        found |= {
            ("IMPORT_WAITING", about) for code, about in would_be if (code, about) not in found
        }
    return found


def granted(world: Json, question: Json, now: datetime) -> Json:
    """What a yes allows."""
    return Evaluation(world, question, now).grant()


class Evaluation:
    def __init__(self, world: Json, question: Json, now: datetime) -> None:
        self.world, self.question, self.now = world, question, now
        self.today = now.astimezone(LONDON).date()
        # A match is judged as a request for no field, and by one rule besides.
        # So is what asks whether scores come back.
        self.is_match = question["action"] == "match"
        self.returns_scores = question["action"] == "return_scores"
        of_no_field = self.is_match or self.returns_scores
        self.action = "request" if of_no_field else question["action"]
        self.file = question.get("file")
        subject = question["permit"] if self.action == "release" else question
        self.client, self.organisation = subject["client"], self.own(subject["organisation"])
        what = self.file if self.action == "fetch" else subject
        self.key = (what["purpose"], what["data_set"], what["classification"])
        self.purpose, self.data_set, self.classification = self.key
        self.periods = self.file["periods"] if self.file else question.get("periods", [])
        self.version = self.governing_version()

    # Whose word is it

    def refusals(self) -> Found:
        agreement = self.world["agreement"]
        asked = self.question["permit"] if self.action == "release" else self.question
        if agreement is None or agreement["reference"] != asked["agreement"]:
            return {("AGREEMENT_NOT_FOUND", None)}
        parties = self.controllers() + self.processors()
        lines = [x for x in self.snapshot()["lines"] if self.is_line(x)]
        is_practice = self.asks_as_practice() or any(
            self.is_for_a_practice(x)
            and not self.what_a_line_lacks(x)
            and self.organisation in self.owners(x)
            for x in lines
        )
        if self.organisation not in parties and not is_practice:
            return {("AGREEMENT_NOT_FOUND", None)}
        general = self.of_the_agreement()
        if not lines:
            return general | {("LINE_NOT_IN_DSA", None)}
        # Of several lines of one key, the one that is least refused counts.
        return general | min((self.of_the_line(x) for x in lines), key=len)

    def snapshot(self) -> Json:
        found: Json = self.version["snapshot"]
        return found

    def is_line(self, candidate: Json) -> bool:
        names = ("purpose", "data_set", "classification")
        return tuple(candidate.get(n) for n in names) == self.key

    # [3.4] which version governs: all have signed it, its day has come, and it is the last such

    def signatories(self, version: Json) -> list[str]:
        return [*dict.fromkeys(version["controllers"] + version["processors"]), "body"]

    def effective_from(self, version: Json) -> datetime | None:
        stamps = [version["signed"].get(who) for who in self.signatories(version)]
        if None in stamps:
            return None
        return max(first_instant(version["start"]), *stamps)

    def governing_version(self) -> Json:
        agreement = self.world["agreement"]
        if agreement is None:
            return {"controllers": [], "processors": []}
        begun = []
        for version in agreement["versions"]:
            begin = self.effective_from(version)
            if begin is not None and begin <= self.now:
                begun.append((begin, version["sequence"], version))
        self.is_governing = bool(begun)
        if begun:
            found: Json = max(begun, key=lambda b: b[:2])[2]
            return found
        latest: Json = max(agreement["versions"], key=lambda v: v["sequence"])
        return latest

    # ruling 23: in which form codes are compared, by the lists and never by the text alone

    def own(self, code: str) -> str:
        """Whose code it is: of a site its trust, of five characters in 00 those before them."""
        read, seen = code.strip().upper(), []
        while read not in seen:
            seen.append(read)
            row = self.nearest_row(read)
            if row is not None and row["kind"] == "SITE":
                read = row["entity"]
            elif row is None and len(read) == 5 and read.endswith("00"):
                short = self.nearest_row(read[:3])
                if read[:3] == "X24" or (short is not None and short["kind"] in LENGTHENED):
                    read = read[:3]
        return read

    def nearest_row(self, code: str) -> Json | None:
        """What the lists say of a code today, or said before, or will say."""
        rows = [o for o in self.world["organisations"] if o["ods"] == code]
        begun = [o for o in rows if o["from"] <= self.today]
        return self.organisation_row(code) or max(
            begun or rows, key=lambda o: o["from"], default=None
        )

    # ruling 4: who stands for whom

    def transfers(self) -> list[Json]:
        return [i for i in self.world["instruments"] if i["from"] <= self.today]

    def holders(self, code: str, seen: tuple[str, ...] = ()) -> list[str]:
        if code in seen:
            return [code]
        next_ones = sorted({t["successor"] for t in self.transfers() if t["predecessor"] == code})
        next_ones = [n for n in next_ones if n != code]
        if not next_ones:
            return [code]
        return sorted({h for n in next_ones for h in self.holders(n, (*seen, code))})

    def family(self, code: str) -> set[str]:
        members = {code}
        while True:
            more = {t["predecessor"] for t in self.transfers() if t["successor"] in members}
            if more <= members:
                return members
            members |= more

    def organisation_row(self, code: str) -> Json | None:
        rows = [
            o
            for o in self.world["organisations"]
            if o["ods"] == code and within(self.today, o["from"], o["to"])
        ]
        return max(rows, key=lambda o: o["from"]) if rows else None

    def entity(self, code: str) -> str | None:
        row = self.organisation_row(code)
        return None if row is None else row["entity"]

    def controllers(self) -> list[str]:
        named = [self.own(c) for c in self.version["controllers"]]
        return list(dict.fromkeys(h for c in named for h in self.holders(c)))

    def processors(self) -> list[str]:
        named = [self.own(c) for c in self.version["processors"]]
        return list(dict.fromkeys(h for c in named for h in self.holders(c)))

    def landing(self, line: Json) -> str:
        """Whose environment the line names."""
        return self.own(line["recipient_environment"]["organisation"])

    # [3.5] what concerns the whole agreement

    def of_the_agreement(self) -> Found:
        found: Found = set()
        found |= self.dsa_active()
        found |= self.dsfc_in_force()
        parties = [*self.controllers(), *self.processors()]
        need_no_contract = self.classification == "AGGREGATE_SUPPRESSED"
        for p in parties:
            if p not in self.controllers() or need_no_contract:  # or DSFC_NOT_IN_FORCE says so
                found |= self.closed(p)
        found |= {("ASSURANCE_LAPSED", p) for p in parties if not self.is_assured(p)}
        found |= {("ICO_LAPSED", p) for p in parties if not self.is_registered(p)}
        named = [self.own(p) for p in self.version["controllers"] + self.version["processors"]]
        found |= {("ICO_NUMBER_DIFFERS", p) for p in named if self.is_misnumbered(p)}
        controllers = [self.own(c) for c in self.version["controllers"]]
        found |= {("LEGAL_BASIS_UNKNOWN", c) for c in controllers if not self.has_basis(c)}
        for condition in self.version["conditions"]:
            met = condition["fulfilled_at"] is not None and condition["fulfilled_at"] <= self.now
            if condition["due"] is not None and self.today > condition["due"] and not met:
                found.add(("CONDITION_OVERDUE", condition["id"]))
        if any(h["whole"] and self.is_open(h) for h in self.world["agreement"]["holds"]):
            found.add(("BREACH_OPEN", None))
        found |= {("CLAUSE_UNKNOWN", name) for name in self.unknown_outside_lines()}
        if self.action != "fetch":
            found |= {("FACT_MISSING", place) for place in self.not_for_the_register()}
        if self.action == "release":
            found |= {("ATTESTATION_INVALID", what) for what in self.not_as_permitted()}
        if self.action == "reidentify":
            found |= self.direct_care()
        return found | self.void()

    def asks_as_practice(self) -> bool:
        """[8.4] Ruling 29: a practice asks for its own patients and is no party."""
        kinds = {o["kind"] for o in self.world["organisations"] if o["ods"] == self.organisation}
        return self.action == "reidentify" and "GP_PRACTICE" in kinds

    def is_for_a_practice(self, line: Json) -> bool:
        """Ruling 29: a recipient by the line, and no party."""
        where = line.get("recipient_environment")
        return isinstance(where, dict) and where.get("kind") == "gp_practice"

    def owners(self, line: Json) -> set[str]:
        where = line["recipient_environment"].get("organisation")
        if not isinstance(where, str):
            return set()
        return {self.own(where), *self.holders(self.own(where))}

    def own_patients(self, line: Json) -> Found:
        """Ruling 29: a practice that is assured is given records of its registered patients."""
        found: Found = set()
        if not self.is_for_a_practice(line) or self.action == "reidentify":
            return found
        practice = self.landing(line)
        kinds = {o["kind"] for o in self.world["organisations"] if o["ods"] == practice}
        if "GP_PRACTICE" not in kinds:
            found.add(("DIRECT_CARE_ONLY", practice))
        if not self.is_assured_at_all(practice):
            found.add(("ASSURANCE_LAPSED", practice))
        of_records = self.classification in ("IDENTIFIABLE", "PSEUDO_ANONYMISED")
        if self.file and of_records:
            said = self.file.get("registered")
            if not said or not set(said) <= self.codes_of_practice(line):
                found.add(("OUT_OF_POPULATION", practice))
        return found

    def codes_of_practice(self, line: Json) -> set[str]:
        return {code for owner in self.owners(line) for code in self.family(owner)}

    def direct_care(self) -> Found:
        """[8.4] A practice, open and assured today, about records of risk stratification."""
        found: Found = set()
        if not self.asks_as_practice():
            found.add(("DIRECT_CARE_ONLY", self.organisation))
        elif closed := {c for c in self.closed(self.organisation) if c[0] != "FACT_MISSING"}:
            found |= closed
        elif not self.is_assured_at_all(self.organisation):
            found.add(("ASSURANCE_LAPSED", self.organisation))
        of_records = self.classification in ("IDENTIFIABLE", "PSEUDO_ANONYMISED")
        if self.purpose != "RS" or not of_records:
            found.add(("DIRECT_CARE_ONLY", "purpose"))
        return found

    def void(self) -> Found:
        found: Found = {
            ("FILE_VOID", gone["kind"])
            for gone in self.world["recalled"]
            if self.file and self.rests_on(gone)
        }
        if self.action == "fetch" and self.world["void"]:
            found.add(("FILE_VOID", None))
        if self.action == "fetch" and self.world["destroyed"]:
            found.add(("FILE_DESTROYED", None))
        return found

    def rests_on(self, gone: Json) -> bool:
        """Whether the file was made with what was taken back, and not with what came instead."""
        if gone["kind"] == "edition":
            return gone["source"] in [e["id"] for e in self.file["editions"]]
        made_with = self.file["opt_out"]
        if not made_with["applied"] or made_with.get("list") != gone["source"]:
            return False
        return gone["replaced_by"] not in made_with.get("besides", [])

    def dsa_active(self) -> Found:
        terminated = self.world["agreement"]["terminated_at"]
        if terminated is not None and terminated <= self.now:
            return {("DSA_NOT_ACTIVE", None)}
        if self.is_governing:
            over = self.today > self.version["end"]
            return {("DSA_NOT_ACTIVE", None)} if over else set()
        missing = [w for w in self.signatories(self.version) if w not in self.version["signed"]]
        if missing:
            return {("DSA_NOT_ACTIVE", "X26" if w == "body" else w) for w in missing}
        return {("DSA_NOT_ACTIVE", None)}  # its first day, or a signature, is still to come

    def dsfc_in_force(self) -> Found:
        if self.classification == "AGGREGATE_SUPPRESSED":
            return set()  # [3.1]
        found: Found = set()
        for controller in self.controllers():
            if controller not in {o["ods"] for o in self.world["organisations"]}:
                found.add(("FACT_MISSING", controller))
            elif self.entity(controller) != controller:
                found.add(("DSFC_NOT_IN_FORCE", controller))  # no legal entity (any more)
            elif not any(
                self.own(c["organisation"]) in self.family(controller) and self.contract_in_force(c)
                for c in self.world["contracts"]
            ):
                found.add(("DSFC_NOT_IN_FORCE", controller))
        return found

    def closed(self, code: str) -> Found:
        """[1.3] Codes close: nobody who has closed, or is part of one that has, gets anything."""
        in_lists = {o["ods"] for o in self.world["organisations"]}
        if code not in in_lists:
            return {("FACT_MISSING", code)}
        behind = self.entity(code)
        if behind is None or (behind in in_lists and self.organisation_row(behind) is None):
            return {("ORGANISATION_CLOSED", code)}
        return set()

    def recipients_open(self, line: Json) -> Found:
        owners = self.holders(self.landing(line))
        strangers = [o for o in owners if o not in self.controllers() + self.processors()]
        return {closed for o in strangers for closed in self.closed(o)}

    def contract_in_force(self, contract: Json) -> bool:
        signatures = (contract["signed_at"], contract["body_signed_at"])
        if None in signatures or max(signatures) > self.now:
            return False
        if contract["terminated_at"] is not None and contract["terminated_at"] <= self.now:
            return False
        return within(self.today, contract["start"], contract["end"])

    def is_registered(self, party: str) -> bool:
        return any(
            r["organisation"] == party and within(self.today, r["from"], r["to"])
            for r in self.world["ico"]
        )

    def is_misnumbered(self, party: str) -> bool:
        """[2.4, 6]: what the document says is what the record says, where it has any."""
        recorded = [r["number"] for r in self.world["ico"] if r["organisation"] == party]
        named = self.snapshot()["ico_registrations"]
        said = [r["number"] for r in named if self.own(r["ods"]) == party]
        return bool(recorded) and any(n not in recorded for n in said)

    def has_basis(self, controller: str) -> bool:
        """[2.4, 2]: one of article 6 at least, and nothing that the law does not have."""
        said = [c for c in self.snapshot()["controllers"] if self.own(c["ods"]) == controller]
        six = [b for c in said for b in c["gdpr_article_6"]]
        nine = [b for c in said for b in c["gdpr_article_9"]]
        schedule = [b for c in said for b in c["dpa_2018_schedule_1"]]
        return (
            bool(six)
            and all(b in [f"6(1)({x})" for x in "abcdef"] for b in six)
            and all(b in [f"9(2)({x})" for x in "abcdefghij"] for b in nine)
            and all(b in CONDITIONS for b in schedule)
        )

    def is_assured_at_all(self, party: str) -> bool:
        """A practice is given nobody's record: what is asked of identity is not asked of it."""
        return self.is_assured(party, for_identity=False)

    def is_assured(self, party: str, *, for_identity: bool = True) -> bool:
        """[2.6]; the best evidence counts, and unreviewed DSPT needs a condition of review."""
        accepted = []
        own = [e for e in self.world["assurance"] if e["organisation"] == party]
        for evidence in own:
            ok, reviewed = self.is_accepted(evidence)
            for later in own:  # a newer list on which it has published nothing
                blank = later["status"] == "NOT_PUBLISHED" and later["seen_on"] <= self.today
                if blank and evidence["kind"] == "DSPT" and evidence["seen_on"] < later["seen_on"]:
                    ok = False
            if ok:
                accepted.append(reviewed)
        if self.classification != "IDENTIFIABLE" or not for_identity:
            return bool(accepted)
        reviews = {c["id"] for c in self.version["conditions"] if c["owner"] == party}
        return any(accepted) or (bool(accepted) and f"assurance-review-{party}" in reviews)

    def is_accepted(self, e: Json) -> tuple[bool, bool]:  # noqa: PLR0911  the rule has that many ends
        published = e["published_on"]
        shown = e["status"] != "NOT_PUBLISHED" and published is not None and published <= self.today
        if e["seen_on"] > self.today and not shown:
            return False, False  # nobody has seen it yet
        if e["expires_on"] is not None and e["expires_on"] < self.today:
            return False, False
        if e["kind"] == "SLSP":
            return e["reviewed"], True
        if e["kind"] == "ISO27001":
            return e["reviewed"] and e["locations_covered"], True
        if self.today < date(2018, 4, 1) or not shown:
            return False, False
        latest = [name for name, first in DSPT_EDITIONS if first <= self.today][-1]
        if e["edition"] != latest and a_year_after(published) < self.today:
            return False, False
        if e["status"] in ("STANDARDS_MET", "STANDARDS_EXCEEDED"):
            return True, e["reviewed"]
        in_time = e["plan_until"] is None or e["plan_until"] >= self.today
        planned = e["status"] in ("APPROACHING_STANDARDS", "STANDARDS_NOT_MET")
        return planned and e["plan_accepted"] and in_time, e["reviewed"]

    def is_open(self, hold: Json) -> bool:
        lifted = hold["lifted_at"] is not None and hold["lifted_at"] <= self.now
        return hold["set_at"] <= self.now and not lifted

    def unknown_outside_lines(self) -> list[str]:
        known = {
            "schema", "application_id", "reference", "version", "revision", "kind", "title",
            "purpose", "start", "end", "territory", "commercial", "sub_licence", "controllers",
            "processors", "locations", "assurance", "ico_registrations", "lines", "linkage",
            "special_conditions", "sections", "issued_from", "imported",
        }  # fmt: skip
        return [key for key in self.snapshot() if key not in known]

    def not_for_the_register(self) -> list[str]:
        """What 9.1 publishes and the snapshot does not say in the place where it is looked for."""
        snapshot = self.snapshot()
        controllers = snapshot.get("controllers")
        named = isinstance(controllers, list) and controllers
        wrong = [] if isinstance(snapshot.get("title"), str) and snapshot["title"] else ["title"]
        if not named or not all(c.get("ods") and c.get("legal_name") for c in controllers):
            wrong.append("controllers")
        wrong += [n for n in ("start", "end") if not is_day(snapshot.get(n))]
        wrong += [n for n in ("commercial", "sub_licence") if snapshot.get(n) not in (True, False)]
        sections = snapshot.get("sections")
        if not isinstance(sections, dict):
            return [*wrong, "sections"]
        texts = {"9": [("purposes", "objective")], "11": [("outputs", "title")]}
        texts |= {"12": [("benefits", "description"), ("yielded", "description")]}
        for number, lists in texts.items():
            section = sections.get(number) or {}
            for name, text in lists:
                entries = section.get(name)
                if entries is None or not all(isinstance(e.get(text), str) for e in entries):
                    wrong.append(f"sections.{number}")
        if not (sections.get("9") or {}).get("purposes", "none"):
            wrong.append("sections.9")
        if not isinstance((sections.get("10") or {}).get("activities"), str):
            wrong.append("sections.10")
        return wrong

    def not_as_permitted(self) -> list[str]:  # noqa: C901, PLR0912  one comparison after the other
        file, permit = self.file, self.question["permit"]
        wrong = []
        if file["id"] != self.question["file_id"]:
            wrong.append("file")
        if len({file["extract_id"], self.question["extract_id"], permit["extract_id"]}) > 1:
            wrong.append("extract")
        if len({file["permit_id"], file["preparation_id"], permit["id"]}) > 1:
            wrong.append("permit")
        if any(file[n] != permit[n] for n in ("line", "purpose", "data_set", "classification")):
            wrong.append("line")
        if file["catalogue_digest"] != permit["catalogue_digest"]:
            wrong.append("catalogue")
        if file["format"] not in permit["formats"]:
            wrong.append("format")
        if any(p not in permit["periods"] for p in file["periods"]):
            wrong.append("periods")
        if set(file["codes"]) != set(permit["codes"]):
            wrong.append("population")
        if any(r not in permit["reasons"] for r in file["reasons"]):
            wrong.append("reasons")
        if any(m not in [x["id"] for x in self.world["maps"]] for m in file["maps"]):
            wrong.append("maps")
        by = file["opt_out"].get("by", "list"), permit.get("by", "list")
        if file["opt_out"]["applied"] != permit["applied"] or (
            permit["applied"] and len(set(by)) > 1
        ):
            wrong.append("opt_out")
        if file["disclosure_rule"] != permit["disclosure_rule"]:
            wrong.append("disclosure_rule")
        same = [
            {
                json.dumps(
                    [
                        f["column"],
                        sorted(set(f.get("any_of", []))),
                        f.get("at_least"),
                        f.get("at_most"),
                    ]
                )
                for f in said.get("filters", [])
            }
            for said in (file, permit)
        ]
        if same[0] != same[1]:
            wrong.append("filters")
        made, allowed = file.get("table"), permit.get("table")
        same_table = made is None and allowed is None
        if made is not None and allowed is not None:
            same_table = (
                all(made[n] == allowed[n] for n in ("measure", "dimensions", "disclosure"))
                and made.get("further_measures", []) == allowed.get("further_measures", [])
                and made.get("parameters") == allowed.get("parameters")
                and made["rule"].split("+")
                == [permit["disclosure_rule"], *allowed.get("linked_rules", [])]
                and (made["disclosure"] != "protected" or made["certificate"] != "none")
                and (made["disclosure"] == "as_published" or not made.get("recovered"))
            )
        if not same_table:
            wrong.append("table")
        if file.get("changes") is not None and file["changes"] != permit.get("changes_since"):
            wrong.append("changes")
        if file["order"] != ("token" if allowed is None else "category"):
            wrong.append("order")
        wrong += [
            c["name"] for c in self.columns() if permit["fields"].get(c["name"]) != c["treatment"]
        ]
        return wrong

    # What concerns the line

    def of_the_line(self, line: Json) -> Found:
        incomplete = self.what_a_line_lacks(line)
        unknown = {("CLAUSE_UNKNOWN", name) for name in self.unknown_keys(line)}
        if incomplete:
            return {("FACT_MISSING", name) for name in incomplete} | unknown
        return (
            unknown
            | self.vocabulary(line)
            | self.catalogue_known(line)
            | self.periods_inside(line)
            | self.fields_listed(line)
            | self.form_allowed(line)
            | self.filtered(line)
            | self.tabulated(line)
            | self.for_what_it_is(line)
            | self.confidentiality(line)
            | self.opt_outs(line)
            | self.differencing(line)
            | self.subtraction(line)
            | self.relationships(line)
            | self.environment_matches(line)
            | self.environment_listed(line)
            | self.recipients_open(line)
            | self.published(line)
            | self.population(line)
            | self.scanned(line)
            | self.landed_safely(line)
            | self.undone(line)
            | self.singled_out(line)
            | self.for_an_invoice()
            | self.scores_of_a_supplier(line)
            | self.own_patients(line)
            | self.by_maps_that_stand(line)
            | self.domain_matches(line)
            | self.domain_elsewhere(line)
            | self.disclosed(line)
            | self.change_set(line)
            | self.held(line)
        )

    def what_a_line_lacks(self, line: Json) -> list[str]:
        needed = [
            ("catalogue_version",), ("catalogue_digest",), ("sensitivity",), ("periods", "from"),
            ("fields",), ("population", "rule"), ("recipient_environment", "organisation"),
            ("recipient_environment", "kind"), ("opt_out", "applied"), ("dissemination_power",),
            ("confidentiality", "route"), ("frequency",), ("access_method",),
        ]  # fmt: skip
        lacking = []
        for path in needed:
            value: Any = line
            for part in path:
                value = value.get(part) if isinstance(value, dict) else None
            if value is None or value in ("", []):
                lacking.append(".".join(path))
        return lacking

    def unknown_keys(self, line: Json) -> list[str]:
        known: dict[str, set[str]] = {
            "periods": {"from", "to"},
            "fields": {"name", "treatment", "reason"},
            "population": {"rule", "commissioners", "reasons"},
            "recipient_environment": {"organisation", "kind"},
            "opt_out": {"applied", "reason"},
            "confidentiality": {"route", "section_251"},
            "filters": {"column", "any_of", "at_least", "at_most"},
            "disclosure_parameters": {
                "suppress_min", "suppress_max", "round_base", "zero_shown", "national_exempt",
                "measures", "min_practices", "fte_base",
            },
        }  # fmt: skip
        plain = {
            "number", "purpose", "data_set", "catalogue_version", "catalogue_digest", "group",
            "classification", "sensitivity", "dissemination_power", "frequency", "access_method",
            "disclosure_rule", "as_published", "min_group_size", "change_sets",
        }  # fmt: skip
        found = [key for key in line if key not in plain and key not in known]
        for name, parts in known.items():
            entries = line.get(name)
            for entry in entries if isinstance(entries, list) else [entries]:
                parts_of = entry if isinstance(entry, dict) else {}
                found += [f"{name}.{k}" for k in parts_of if k not in parts]
        if line.get("group") is not None:
            found.append("group")
        names = [f.get("name") for f in line.get("fields") or []]
        if len(names) != len(set(names)):
            found.append("fields")
        if line.get("change_sets", False) not in (True, False):
            found.append("change_sets")
        filters = line.get("filters")
        readable = self.readable(line)
        columns = {f["column"] for f in readable}
        if filters is not None and (
            not isinstance(filters, list) or not len(columns) == len(readable) == len(filters)
        ):
            found.append("filters")
        said = line.get("disclosure_parameters")
        if said is not None and not self.makes_a_rule(said):
            found.append("disclosure_parameters")
        least = line.get("min_group_size")
        of_records = line.get("classification") in ("IDENTIFIABLE", "PSEUDO_ANONYMISED")
        if least is not None and not (of_records and type(least) is int and 2 <= least <= 1000):
            found.append("min_group_size")
        return found

    def makes_a_rule(self, said: Any) -> bool:
        """[7.7] What is small begins at 0 or 1, and what is shown is not rounded to nothing."""
        numbers = [said.get(n) for n in ("suppress_min", "suppress_max", "round_base")]
        if not all(type(n) is int and n >= 0 for n in numbers):
            return False
        low, high, base = numbers
        return low <= 1 and low <= high <= 1000 and 1 <= base <= 1000 and 2 * (high + 1) >= base

    def readable(self, line: Json) -> list[Json]:
        """The line's filters that name a column and whose values are a list of texts."""
        filters = line.get("filters")
        found = [f for f in filters if isinstance(f, dict)] if isinstance(filters, list) else []
        found = [f for f in found if isinstance(f.get("column"), str)]
        found = [f for f in found if isinstance(f.get("any_of", []), list)]
        return [f for f in found if all(isinstance(v, str) for v in f.get("any_of", []))]

    def filtered(self, line: Json) -> Found:  # noqa: C901, PLR0912  of the line, a request, a file
        """Rows are filtered by what the line tells, and a line's filter is never widened."""
        found: Found = set()
        entry = self.catalogue_entry(line)
        own = self.readable(line)
        asked = [] if self.file else self.question.get("filters", [])
        known = {f["name"]: f for f in entry["fields"]} if entry else {}
        listed = {f["name"]: f["treatment"] for f in line["fields"]}
        for f in [*own, *asked] if entry else []:
            name, values = f["column"], f.get("any_of", [])
            low, high = f.get("at_least"), f.get("at_most")
            column = known.get(name, {})
            tells = {"as_is", "derived"} & set(column.get("treatments", []))
            if name not in known:
                found.add(("FILTER_COLUMN_UNKNOWN", name))
            elif (
                listed.get(name) not in ("as_is", "derived")
                or not tells
                or "identifier" in column
                or column.get("date")
            ):
                found.add(("FILTER_COLUMN_NOT_IN_DSA", name))
            elif not (values or low is not None or high is not None) or (
                None not in (low, high) and low > high
            ):
                found.add(("FILTER_EMPTY", name))
            elif column.get("number"):
                if values:
                    found.add(("FILTER_UNSUITABLE", name))
            elif low is not None or high is not None:
                found.add(("FILTER_UNSUITABLE", name))
            elif any(v not in column["codes"] for v in values if "codes" in column):
                found.add(("FILTER_CODE_UNKNOWN", name))
        if entry:
            made = self.file.get("filters", []) if self.file else asked
            found |= self.over_groups([f["column"] for f in [*own, *made]], entry["joined"])
        for f in {f["column"]: f for f in own}.values():
            if self.file:
                had = [x for x in self.file.get("filters", []) if x["column"] == f["column"]]
                if not had or self.lets_in_more(had[0], f):
                    found.add(("FILTER_NOT_IN_DSA", f["column"]))
            else:
                for x in asked:
                    if x["column"] == f["column"] and self.names_more(x, f):
                        found.add(("FILTER_NOT_IN_DSA", f["column"]))
        return found

    def over_groups(self, columns: list[str], joined: Json) -> Found:
        """[6.6] A row is chosen by what it is, and by the one row that it belongs to.

        Of a group that belongs to nothing else by a column of the same name.
        """
        found: Found = set()
        table = self.table()
        wanted = [table["measure"]] if table else self.names()
        named = [(c.split(".")[0], c.split(".")[1]) for c in columns if c.split(".")[0] in joined]
        for group, column in named:
            if self.is_match:
                found.add(("FILTER_OVER_GROUPS", f"{group}.{column}"))
            for of in (n.split(".")[0] for n in wanted if "." in n):
                if of not in joined:
                    continue
                same = [g for g, c in named if c == column]
                if all(g != of and g not in joined[of] for g in same):
                    found.add(("FILTER_OVER_GROUPS", f"{group}.{column}"))
        return found

    def names_more(self, asked: Json, own: Json) -> bool:
        """Something is named in the one that the other leaves out."""
        values = own.get("any_of", [])
        if values and any(v not in values for v in asked.get("any_of", [])):
            return True
        low, high = own.get("at_least"), own.get("at_most")
        if low is not None and asked.get("at_least") is not None and asked["at_least"] < low:
            return True
        return high is not None and asked.get("at_most") is not None and asked["at_most"] > high

    def lets_in_more(self, had: Json, own: Json) -> bool:
        """Rows came through the one that the other leaves out."""
        if own.get("any_of") and not had.get("any_of"):
            return True
        for bound in ("at_least", "at_most"):
            if own.get(bound) is not None and had.get(bound) is None:
                return True
        return self.names_more(had, own)

    def rows_of(self, line: Json) -> list[Json]:
        """The filters that result."""
        asked = {f["column"]: f for f in self.question.get("filters", [])}
        own = {f["column"]: f for f in self.readable(line)}
        if self.file:
            asked, own = {f["column"]: f for f in self.file.get("filters", [])}, {}
        found = []
        for column in sorted({*own, *asked}):
            both = [x[column] for x in (own, asked) if column in x]
            values = [sorted(set(f["any_of"])) for f in both if f.get("any_of")]
            lows = [f["at_least"] for f in both if f.get("at_least") is not None]
            highs = [f["at_most"] for f in both if f.get("at_most") is not None]
            one: Json = {"column": column}
            one |= {"any_of": values[-1]} if values else {}
            one |= {"at_least": max(lows)} if lows else {}
            one |= {"at_most": min(highs)} if highs else {}
            found.append(one)
        return found

    def vocabulary(self, line: Json) -> Found:
        found: Found = set()
        if line["population"]["rule"] not in ("own", "union", "list", "national"):
            found.add(("CLAUSE_UNKNOWN", "population.rule"))
        if any(r not in "SPGHRCL" for r in line["population"]["reasons"] or []):
            found.add(("CLAUSE_UNKNOWN", "population.reasons"))
        reasons = ("no_identifying_data", "consent", "exemption")
        if not line["opt_out"]["applied"] and line["opt_out"]["reason"] not in reasons:
            found.add(("CLAUSE_UNKNOWN", "opt_out.reason"))
        routes = ("not_identifiable", "consent", "section_251", "other_law")
        if line["confidentiality"]["route"] not in routes:
            found.add(("CLAUSE_UNKNOWN", "confidentiality.route"))
        if line["dissemination_power"] not in POWERS:
            found.add(("CLAUSE_UNKNOWN", "dissemination_power"))
        for name, words in WORDS.items():
            if line[name] not in words:
                found.add(("CLAUSE_UNKNOWN", name))
        return found

    def catalogue_entry(self, line: Json) -> Json | None:
        digest = self.file["catalogue_digest"] if self.file else line["catalogue_digest"]
        for entry in self.world["catalogue"]:
            if entry["digest"] == digest and entry["data_set"] == self.data_set:
                found: Json = entry
                return found
        return None

    def catalogue_known(self, line: Json) -> Found:
        digests = [line["catalogue_digest"]] + (
            [self.file["catalogue_digest"]] if self.file else []
        )
        known = [c["digest"] for c in self.world["catalogue"] if c["data_set"] == self.data_set]
        fine = all(d in known for d in digests)
        return set() if fine else {("CATALOGUE_UNKNOWN", self.data_set)}

    def periods_inside(self, line: Json) -> Found:
        first, last = line["periods"]["from"], line["periods"].get("to")
        return {
            ("PERIOD_NOT_IN_DSA", p)
            for p in self.periods
            if not is_month(p) or p < first or (last is not None and p > last)
        }

    def columns(self) -> list[Json]:
        """Columns of the file, but for those that every file has."""
        if not self.file:
            return []
        own = ["Token", "Reason_For_Access", *(["Change"] if self.file.get("changes") else [])]
        return [c for c in self.file["columns"] if c["name"] not in own]

    def names(self) -> list[str]:
        asked: list[str] = self.question.get("fields", [])
        return [c["name"] for c in self.columns()] if self.file else asked

    def fields_listed(self, line: Json) -> Found:
        listed = [f["name"] for f in line["fields"]]
        code = "FIELD_NOT_IN_DSA" if self.table() is None else "DIMENSION_NOT_IN_DSA"
        return {(code, n) for n in self.names() if n not in listed}

    def table(self) -> Json | None:
        """What is counted; none where records are meant."""
        found: Json | None = (self.file or self.question).get("table")
        return found

    def counted(self, line: Json) -> Json | None:
        """What a yes allows to be counted, and how it is shown."""
        table = self.table()
        if table is None:
            return None
        return {
            "measure": table["measure"],
            "further_measures": list(table.get("further_measures", [])),
            "dimensions": table["dimensions"],
            "disclosure": self.how_shown(table),
            "linked_rules": sorted(
                {
                    other["disclosure_rule"]
                    for name in table.get("linked_data_sets", [])
                    for other in self.lines_on_tables_of(name)
                }
                - {line["disclosure_rule"]}
            ),
            "parameters": line.get("disclosure_parameters"),
        }

    def lines_on_tables_of(self, data_set: str) -> list[Json]:
        """[7.1] Which lines of the same purpose give tables of another data set."""
        return [
            x
            for x in self.snapshot()["lines"]
            if (x["data_set"], x["purpose"]) == (data_set, self.purpose)
            and str(x["classification"]).startswith("AGGREGATE")
        ]

    def how_shown(self, table: Json) -> str:
        if self.classification == "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED":
            return "exact"
        return "as_published" if self.is_as_published(table) else "protected"

    def is_as_published(self, table: Json) -> bool:
        said = table["disclosure"] if self.file else table.get("profile")
        return bool(said == "as_published")

    def by_which_rule(self, table: Json, line: Json, entry: Json) -> Found:
        """[7.7, ruling 15] A rule set by application is set; one alone is applied by a reason."""
        found: Found = set()
        for name in [] if self.file else table.get("linked_data_sets", []):
            others = self.lines_on_tables_of(name)
            if not others:
                found.add(("LINE_NOT_IN_DSA", name))
            if any(x.get("disclosure_parameters") or not x["disclosure_rule"] for x in others):
                found.add(("DISCLOSURE_RULE_MISSING", name))
        said = line.get("disclosure_parameters")
        said = said if said is not None and self.makes_a_rule(said) else None
        if entry["set_by_agreement"] == (said is None):
            found.add(("DISCLOSURE_RULE_MISSING", "disclosure_parameters"))
        elif said and said.get("measures"):
            found |= {
                ("DISCLOSURE_RULE_MISSING", measure)
                for measure in [table["measure"], *table.get("further_measures", [])]
                if measure not in said["measures"]
            }
        named = (line.get("as_published") or "").strip()
        if self.is_as_published(table) and not (
            named and self.classification == "AGGREGATE_SUPPRESSED"
        ):
            found.add(("AS_PUBLISHED_NOT_IN_DSA", None))
        return found

    @staticmethod
    def of_one_group(measure: str, first: str, entry: Json) -> Found:
        """[6.6] What is counted is of one group, and of one that there is."""
        group, of_first = ("" if "." not in m else m.split(".")[0] for m in (measure, first))
        found: Found = set()
        if group not in entry["joined"]:
            found.add(("GROUP_UNKNOWN", measure))
        if group != of_first:
            found.add(("SEVERAL_GROUPS", measure))
        return found

    @staticmethod
    def counted_again(table: Json, entry: Json) -> Found:
        """[6.6] From a row that is counted one way leads to one row, and none to several."""
        group = table["measure"].split(".")[0] if "." in table["measure"] else ""
        found: Found = set()
        if group not in entry["joined"]:
            return found
        known = [f["name"] for f in entry["fields"]]
        for d in table["dimensions"]:
            for level in [d["column"], *d["within"]]:
                name = level.split("__")[0]
                other = name.split(".")[0] if "." in name else ""
                to = entry["joined"][group]
                if name not in known or other in [group, *to]:
                    continue
                onwards = entry["joined"].get(other, [])
                meet = group in onwards or any(one in to for one in onwards)
                found.add(("JOIN_FANS_OUT" if meet else "DIMENSION_UNSUITABLE", name))
        return found

    def tabulated(self, line: Json) -> Found:  # noqa: C901, PLR0912  one judgement after another
        """[3.2, ruling 15] Aggregates are counted, by what the line lists and no practice alone."""
        table, counted = self.table(), self.classification.startswith("AGGREGATE")
        if table is None:
            return {("FORM_NOT_ALLOWED", self.classification)} if counted else set()
        found: Found = set()
        if not counted:
            found.add(("FORM_NOT_ALLOWED", self.classification))
        entry = self.catalogue_entry(line)
        if entry is None:
            return found
        for measure in [table["measure"], *table.get("further_measures", [])]:
            missing = "DISCLOSURE_RULE_MISSING"
            if entry["joined"]:
                found |= self.of_one_group(measure, table["measure"], entry)
                if measure.split(".")[0] not in entry["joined"] or "." not in measure:
                    continue
                if measure.split(".")[1] in ("people", "second_people", "pairs"):
                    missing = "ROLE_NOT_IN_GROUP"
            if measure not in entry["measures"]:
                found.add((missing, measure))
        found |= self.counted_again(table, entry)
        found |= self.by_which_rule(table, line, entry)
        known = {f["name"]: f for f in entry["fields"]}
        calendar_ = ["Period_Month", "Period_Quarter", "Period_Financial_Year"]
        for dimension in table["dimensions"]:
            levels = [dimension["column"], *dimension["within"]]
            for finer, level in zip([None, *levels], levels, strict=False):
                source = level.split("__")[0]
                grouped = level == source or level in entry["groups"].get(source, [])
                if level not in calendar_ and not (
                    grouped and known.get(source, {}).get("categories")
                ):
                    found.add(("DIMENSION_UNSUITABLE", level))
                elif finer is None:
                    continue
                elif levels[0] in calendar_ or levels[0].split("__")[0] not in known:
                    both = finer in calendar_ and level in calendar_
                    if not both or calendar_.index(finer) >= calendar_.index(level):
                        found.add(("DIMENSION_UNSUITABLE", level))
                elif "__" in finer or level in entry["groups"].get(finer, []):
                    chain = [finer.split("__")[0], *entry["groups"].get(source, [])]
                    if not (
                        {finer, level} <= set(chain) and chain.index(finer) < chain.index(level)
                    ):
                        found.add(("DIMENSION_UNSUITABLE", level))
                elif level not in known.get(finer, {}).get("in", []):
                    found.add(("DIMENSION_UNSUITABLE", level))
        reasons = {f["name"]: f["reason"] for f in line["fields"]}
        kept = self.file.get("filters", []) if self.file else self.question.get("filters", [])
        named = [f["column"] for f in [*self.readable(line), *kept]]
        for dimension in table["dimensions"]:
            named += [dimension["column"], *dimension["within"]]
        for name in named:
            if known.get(name, {}).get("practice") and not (reasons.get(name) or "").strip():
                found.add(("PRACTICE_LEVEL_NOT_IN_DSA", name))
        if self.file and table["disclosure"] != self.how_shown(table):
            found.add(("FORM_NOT_ALLOWED", "small numbers"))
        return found

    # What a data set is for: [4.1], [6.3], [6.5], [6.7], [6.9], rulings 13 and 14

    def kinds_of_controllers(self) -> dict[str, str | None]:
        rows = {code: self.organisation_row(code) for code in self.controllers()}
        return {code: None if row is None else row["kind"] for code, row in rows.items()}

    def is_of_births_or_deaths(self) -> bool:
        return self.data_set in ("CIVIL_DEATHS", "CIVIL_BIRTHS")

    def by_statute(self, line: Json) -> bool:
        return (
            self.is_of_births_or_deaths()
            and self.classification == "IDENTIFIABLE"
            and line["confidentiality"]["route"] == "other_law"
            and line["population"]["rule"] in ("own", "union", "residents")
            and all(kind == "LOCAL_AUTHORITY" for kind in self.kinds_of_controllers().values())
        )

    def is_paid_for(self) -> bool:
        """SUS and what providers send with their bills: input of invoice validation [4.1]."""
        monitoring = ("PLCM", "DRPLCM", "DEPLCM")
        return self.data_set in ("SUS_APC", "SUS_APCS", "SUS_OP", "SUS_AE", "ECDS", *monitoring)

    def who_pays(self, line: Json) -> set[str]:
        """Controllers who may know by the number whose invoice it is: of their own, by s251."""
        route, rule = line["confidentiality"]["route"], line["population"]["rule"]
        if route != "section_251" or rule not in ("own", "union"):
            return set()
        commissioners = ("CCG", "SUB_ICB_LOCATION", "ICB")
        return {c for c, kind in self.kinds_of_controllers().items() if kind in commissioners}

    def for_what_it_is(self, line: Json) -> Found:
        found: Found = set()
        if self.data_set in {"GP_RS", "RISK_SCORES"} and self.purpose != "RS":
            found.add(("DATA_SET_NOT_FOR_PURPOSE", self.purpose))
        if self.is_of_births_or_deaths() and self.classification == "IDENTIFIABLE":
            others = ("NHS_TRUST", "INDEPENDENT_PROVIDER", "GP_PRACTICE", "SUPPLIER", "BODY")
            route, rule = line["confidentiality"]["route"], line["population"]["rule"]
            for code, kind in self.kinds_of_controllers().items():
                by_law = kind == "LOCAL_AUTHORITY" and (
                    route == "other_law" and rule in ("own", "union", "residents")
                )
                otherwise = kind in ("LOCAL_AUTHORITY", *others) and (
                    route in ("consent", "section_251")
                    and rule in ("own", "union", "list", "national", "residents")
                )
                if not by_law and not otherwise:
                    found.add(("IDENTITY_NOT_FOR_RECIPIENT", code))
        if self.purpose == "IV" and self.classification == "IDENTIFIABLE" and self.is_paid_for():
            for code in self.kinds_of_controllers():
                if code not in self.who_pays(line):
                    found.add(("IDENTITY_NOT_FOR_RECIPIENT", code))
        hidden = {
            "SUS_APC": (
                "Der_Postcode_Grid_Easting", "Der_Postcode_Grid_Northing",
                "Der_Practice_Patient_Distance_Miles", "Der_Provider_Patient_Distance_Miles",
            ),
            "ECDS": (
                "EC_Place_Of_Injury_Latitude", "EC_Place_Of_Injury_Longitude",
                "Fractional_Age_At_Arrival",
            ),
        }  # fmt: skip
        reasons = {f["name"]: f["reason"] for f in line["fields"]}
        kept = self.file.get("filters", []) if self.file else self.question.get("filters", [])
        told_by = [f["column"] for f in [*self.readable(line), *kept]]
        for name in [*self.names(), *told_by]:
            if self.purpose == "COM" and name in hidden.get(self.data_set, ()):
                found.add(("FIELD_HIDDEN_FOR_PURPOSE", name))
            found |= self.joined_by(name, reasons.get(name, ""))
        return found | self.drugs_and_devices(line) | self.identity(line)

    def identity(self, line: Json) -> Found:
        """Ruling 14: by a route that the data set's file names, to whom its law gives it."""
        entry = self.catalogue_entry(line) or {}
        route, rule = line["confidentiality"]["route"], line["population"]["rule"]
        others = ("NHS_TRUST", "INDEPENDENT_PROVIDER", "GP_PRACTICE", "SUPPLIER", "BODY")
        kinds = list(self.kinds_of_controllers().values())
        by_leave = route in ("consent", "section_251") and (
            rule in ("own", "union", "list", "national", "residents")
            and all(kind in ("LOCAL_AUTHORITY", *others) for kind in kinds)
        )
        by_invoice = (
            self.purpose == "IV"
            and self.is_paid_for()
            and self.who_pays(line) == set(self.kinds_of_controllers())
        )
        may = (
            self.classification == "IDENTIFIABLE"
            and route in entry.get("identified_by", [])
            and bool(kinds)
            and (
                (self.is_of_births_or_deaths() and (self.by_statute(line) or by_leave))
                or by_invoice
            )
        )
        listed = {f["name"]: f["treatment"] for f in line["fields"]}
        forms = {c["name"]: c["treatment"] for c in self.columns()} if self.file else listed
        named = [*forms] if self.file else [n for n in self.names() if n in listed]
        return {
            ("IDENTITY_WITHOUT_ROUTE", name)
            for name in named
            if forms[name] == "identified" and not may
        }

    def joined_by(self, name: str, reason: str) -> Found:
        """Columns that are there to join one data set with another."""
        found: Found = set()
        joins = {
            "SHMI": ("EPIKEY",),
            "GPW": ("GMC_NUMBER", "PRACTICE_CODE"),
            "DRPLCM": ("UNIQUE_CDS_IDENTIFIER",),
            "DEPLCM": ("UNIQUE_CDS_IDENTIFIER",),
        }
        if name not in joins.get(self.data_set, ()):
            return found
        if not reason.strip():
            found.add(("LINKAGE_FIELD_WITHOUT_REASON", name))
        if name == "EPIKEY" and self.linked() == {"SHMI"}:
            found.add(("LINKAGE_FIELD_NOT_LINKED", name))
        if name == "UNIQUE_CDS_IDENTIFIER" and not self.linked() & {"SUS_APC", "SUS_APCS"}:
            found.add(("LINKAGE_FIELD_NOT_LINKED", name))
        return found

    def drugs_and_devices(self, line: Json) -> Found:
        """[6.12] NHS England alone, with SUS admitted patient care, of specialised services."""
        found: Found = set()
        contract_monitoring = {"ACM", "PLCM", "DRPLCM", "DEPLCM"}
        linked = self.linked()
        if "RISK_SCORES" in linked:  # [ruling 6] whoever is missing there opted out
            found |= {("LINKAGE_NOT_WITH_DATA_SET", name) for name in linked - {"RISK_SCORES"}}
        if not linked & {"DRPLCM", "DEPLCM"} or linked <= contract_monitoring:
            return found
        for other in linked - contract_monitoring - {"SUS_APC", "SUS_APCS"}:
            found.add(("LINKAGE_NOT_WITH_DATA_SET", other))
        for code, kind in self.kinds_of_controllers().items():
            has_bodys_code = kind == "BODY" and self.today >= date(2023, 2, 1)
            if kind != "NHS_ENGLAND" and not has_bodys_code:
                found.add(("LINKAGE_NOT_FOR_RECIPIENT", code))
        by = [f["column"] for f in self.readable(line)]
        if self.data_set in ("DRPLCM", "DEPLCM") and "SERVICE_CODE" not in by:
            found.add(("LINKAGE_NOT_NARROWED", "SERVICE_CODE"))
        return found

    def form_allowed(self, line: Json) -> Found:
        found: Found = set()
        kind = line["recipient_environment"]["kind"]
        ceiling = CEILING.get((self.purpose, self.classification, kind))
        if ceiling is None:
            found.add(("FORM_NOT_ALLOWED", self.classification))
        owner = self.organisation_row(self.landing(line))
        provider = owner is not None and owner["kind"] in ("NHS_TRUST", "INDEPENDENT_PROVIDER")
        if provider and self.classification != "AGGREGATE_SUPPRESSED":  # ruling 14
            found.add(("FORM_NOT_ALLOWED", line["recipient_environment"]["organisation"]))
        listed = {f["name"]: f for f in line["fields"]}
        entry = self.catalogue_entry(line)
        if entry is None:
            return found
        known = {f["name"]: f for f in entry["fields"]}
        for name in self.names():
            column = next((c for c in self.columns() if c["name"] == name), None)
            if column is None and name not in listed:
                continue  # only FIELD_NOT_IN_DSA can be said of it
            treatment = column["treatment"] if column else listed[name]["treatment"]
            if (
                name not in known
                or (column and column["class"] != known[name]["class"])
                or (name in listed and listed[name]["treatment"] != treatment)
                or treatment not in known[name]["treatments"]
            ):
                found.add(("FORM_NOT_ALLOWED", name))
            else:
                row = row_of(known[name], treatment)
                if ceiling is not None and row not in ceiling:
                    found.add(("FORM_NOT_ALLOWED", name))
                unjustified = name in listed and not (listed[name].get("reason") or "").strip()
                if row == "about staff" and unjustified:  # ruling 13
                    found.add(("FORM_NOT_ALLOWED", name))
        return found

    def confidentiality(self, line: Json) -> Found:
        found: Found = set()
        route = line["confidentiality"]["route"]
        kind = line["recipient_environment"]["kind"]
        if (self.purpose, self.classification, kind) in CEILING:
            allowed = {"not_identifiable", "consent", "section_251", "other_law"}
            if self.classification == "IDENTIFIABLE":
                allowed -= {"not_identifiable"}  # A20
                if self.purpose == "OTHER" and not self.by_statute(line):
                    allowed -= {"other_law"}  # ruling 14
            if route not in allowed:
                found.add(("FORM_NOT_ALLOWED", "confidentiality.route"))
        if line["dissemination_power"] in POWERS:
            identifiable, stands_on = POWERS[line["dissemination_power"]]
            fits = identifiable or self.classification != "IDENTIFIABLE"
            fits = fits and (stands_on is None or route in stands_on)
            if self.classification not in CLASSIFICATIONS:
                fits = False  # [3.2] knows four
            if self.classification.startswith("AGGREGATE"):
                fits = fits and line["dissemination_power"] not in NOT_FOR_AGGREGATES
            if not fits:
                found.add(("FORM_NOT_ALLOWED", "dissemination_power"))
        if route == "section_251":
            found |= self.supported(line, line["confidentiality"].get("section_251"))
        return found

    def supported(self, line: Json, reference: str | None) -> Found:
        if reference is None:
            return {("FACT_MISSING", "confidentiality.section_251")}
        for approval in self.world["approvals"]:
            if approval["reference"] != reference:
                continue
            purposes, where, whose = CAG_FLOWS.get(reference, (None, None, set()))
            owner = self.own(line["recipient_environment"]["organisation"])
            rows = [self.organisation_row(code) for code in {owner, *self.holders(owner)}]
            kinds = {row["kind"] for row in rows if row is not None}
            limited = approval["controllers"]
            spells = [(approval["start"], approval["end"]), *approval.get("former", [])]
            if (
                any(within(self.today, first, last) for first, last in spells)
                and self.purpose in approval["purposes"]
                and (purposes is None or self.purpose in purposes)
                and (where is None or line["recipient_environment"]["kind"] in where)
                and (not whose or kinds & whose)
                and (
                    limited is None
                    or all(
                        any(self.own(f) in self.family(c) for f in limited)
                        for c in self.controllers()
                    )
                )
            ):
                return set()
        return {("S251_EXPIRED", reference)}

    def opt_outs(self, line: Json) -> Found:
        found: Found = set()
        applied, reason = line["opt_out"]["applied"], line["opt_out"]["reason"]
        if not applied:
            if self.classification == "IDENTIFIABLE":
                if self.purpose in ("IV", "RS"):
                    must = True  # ruling 27: no letter that waives them is on record
                else:
                    consented = line["confidentiality"]["route"] == "consent"
                    must = not (reason == "consent" and consented) and not self.by_statute(line)
                if must or reason == "no_identifying_data":  # A21
                    found.add(("OPT_OUT_NOT_APPLIED", None))
            elif not self.classification.startswith(("PSEUDO", "AGGREGATE")):
                found.add(("FACT_MISSING", "opt_out rule"))
        if self.file and (applied or self.file["opt_out"]["applied"]):
            made = self.file["opt_out"]["list_date"]
            fresh = made is not None and 0 <= (self.today - made).days <= 7
            if not self.file["opt_out"]["applied"] or not fresh:
                found.add(("OPT_OUT_NOT_APPLIED", "file"))
        return found

    def environment(self, line: Json) -> Json | None:
        wanted = line["recipient_environment"]
        owners = {self.landing(line), *self.holders(self.landing(line))}
        found = [
            e
            for e in self.world["environments"]
            if self.own(e["organisation"]) in owners and e["kind"] == wanted["kind"]
        ]
        mine = [e for e in found if self.client in e["clients"]]
        return (mine or found or [None])[0]

    def environment_matches(self, line: Json) -> Found:
        environment = self.environment(line)
        expected = {
            "request": None,
            "release": (self.question.get("permit") or {}).get("environment"),
            "fetch": self.question.get("environment"),
            "reidentify": None,
        }[self.action]
        if environment is not None and self.action == "reidentify":
            return set()  # the tokens landed there, and the practice has them from there
        fine = (
            environment is not None
            and self.client in environment["clients"]
            and expected in (None, environment["id"])
        )
        return set() if fine else {("ENVIRONMENT_MISMATCH", None)}

    def environment_listed(self, line: Json) -> Found:
        """[ruling 31] Who is on NHS England's list today, and for whom."""
        kind = line["recipient_environment"]["kind"]
        if kind not in ("ceff", "rs_supplier") or self.action == "reidentify":
            return set()
        whose = self.landing(line)
        entries = [
            e
            for e in self.world["listed"]
            if e["kind"] == kind
            and e["from"] <= self.today <= (e["to"] or date.max)
            and (
                self.own(e["organisation"]) == whose
                or self.own(e["organisation"]) in self.holders(whose)
            )
        ]
        for controller in self.controllers():
            fits = [
                e
                for e in entries
                if e["for"] is None or self.own(e["for"]) in self.family(controller)
            ]
            if not fits:
                return {("ENVIRONMENT_NOT_LISTED", whose)}
        return set() if entries else {("ENVIRONMENT_NOT_LISTED", whose)}

    def differencing(self, line: Json) -> Found:
        environment = self.environment(line)
        if environment is None:
            return set()
        applied = self.file["opt_out"]["applied"] if self.file else line["opt_out"]["applied"]
        mine = "applied" if applied else "not_applied"
        return {
            ("OPT_OUT_DIFFERENCING", p)
            for p in self.periods
            if self.world["reserved"].get((environment["id"], self.data_set, p), mine) != mine
        }

    def subtraction(self, line: Json) -> Found:
        """Who has two files of the same rows, made with two lists, has the objectors between."""
        file = self.file or self.would_be_made(line)
        of_it = self.file["data_set"] if self.file else self.data_set
        where = None if self.file else (self.environment(line) or {}).get("id")
        found: Found = set()
        for other in self.world["held"]:
            elsewhere = where is not None and other.get("environment", ENVIRONMENT) != where
            # Of another data set the haven says it (test_linked_data_sets_held).
            elsewhere |= other["file"]["data_set"] != of_it
            if file and other["may_have_left"] and not elsewhere:
                for month in file["periods"]:
                    if month in other["file"]["periods"] and self.betrays(
                        file, other["file"], month
                    ):
                        found.add(("OPT_OUT_DIFFERENCING", month))
        return found

    def change_set(self, line: Json) -> Found:  # noqa: C901  each thing that may differ
        """Ruling 10: a change set is offered; it tells nothing that both extracts do not tell."""
        since = self.file.get("changes") if self.file else self.question.get("changes_since")
        if since is None:
            return set()
        found: Found = set()
        if line.get("change_sets") is not True:
            found.add(("CHANGE_SET_NOT_IN_DSA", None))
        if self.file:
            return found
        where = (self.environment(line) or {}).get("id")
        had = [
            h
            for h in self.world["held"]
            if h["file"]["extract_id"] == since
            and h["file"].get("changes") is None
            and where is not None
            and h.get("environment", ENVIRONMENT) == where
        ]
        gone = [h for h in had if h.get("destroyed") and h.get("agreement", REFERENCE) == REFERENCE]
        if gone or not [h for h in had if h["may_have_left"]]:
            return found | {("EARLIER_EXTRACT_NOT_HELD", since)}
        environment = self.environment(line) or {}
        forms = {f["name"]: f["treatment"] for f in line["fields"] if f["name"] in self.names()}
        columns: set[tuple[str, str]] = set()
        for h in had:
            file = h["file"]
            columns |= {(c["name"], c["treatment"]) for c in file["columns"]}
            mine = (self.purpose, self.data_set, self.classification)
            same_line = (file["purpose"], file["data_set"], file["classification"]) == mine
            if not same_line or h.get("agreement", REFERENCE) != self.question["agreement"]:
                found.add(("EARLIER_EXTRACT_OF_ANOTHER_LINE", since))
            if file["domain"] != sha(self.domain(line, environment)):
                found.add(("DOMAIN_MISMATCH", since))
            same_rows = self.as_filtered(file.get("filters", [])) == self.as_filtered(
                self.rows_of(line)
            )
            if set(file["periods"]) != set(self.periods) or not same_rows:
                found.add(("EARLIER_EXTRACT_OF_OTHER_ROWS", since))
        if all(h["file"]["format"] != "parquet" for h in had):
            found.add(("EARLIER_EXTRACT_OF_OTHER_ROWS", "formats"))
        differing = {n for n, _ in columns ^ set(forms.items())}
        for name in differing - {"Token", "Reason_For_Access", "Change"}:
            found.add(("EARLIER_EXTRACT_OF_OTHER_COLUMNS", name))
        return found

    def as_filtered(self, filters: list[Json]) -> list[Any]:
        return sorted(
            [f["column"], sorted(set(f.get("any_of", []))), f.get("at_least"), f.get("at_most")]
            for f in filters
        )

    def would_be_made(self, line: Json) -> Json | None:
        """The file as the haven would make it this minute; none where that is not known."""
        landed = self.question.get("landed")
        if landed is None or self.environment(line) is None:
            return None
        if (self.purpose, self.classification) == ("RS", "IDENTIFIABLE"):
            return None  # [4.3]: the national check says who objected, and it is not made yet
        return {
            "periods": [p for p in self.periods if landed["editions"].get(p)],
            "codes": self.codes(line),
            "editions": [
                {"id": id_, "from": p, "to": p}
                for p, ids in landed["editions"].items()
                for id_ in ids
            ],
            "opt_out": {
                "applied": line["opt_out"]["applied"],
                "list": landed["lists"][0],
                "besides": landed["lists"][1:],
            },
        }

    def betrays(self, file: Json, other: Json, month: str) -> bool:
        mine, theirs = file["opt_out"], other["opt_out"]
        if not (mine["applied"] and theirs["applied"]):
            return False  # the other treatment is refused by itself
        if [mine.get("list"), sorted(mine.get("besides", []))] == [
            theirs.get("list"), sorted(theirs.get("besides", [])),
        ]:  # fmt: skip
            return False
        everywhere = not file["codes"] or not other["codes"]
        if not everywhere and not set(file["codes"]) & set(other["codes"]):
            return False  # other people
        read = [
            {e["id"] for e in f["editions"] if e["from"] <= month <= e["to"]} for f in (file, other)
        ]
        return not all(read) or bool(read[0] & read[1])

    def commissioners(self, line: Json) -> list[str]:
        rule = line["population"]["rule"]
        if rule == "national":
            return []
        codes = [self.own(c) for c in line["population"].get("commissioners") or []]
        if not codes and rule in ("own", "union"):
            codes = self.controllers()
        landing = self.holders(self.landing(line))
        here = [c for c in self.controllers() if c in landing]
        if rule == "own" and here:  # ruling 7: each its own
            codes = [c for c in codes if any(self.owns(h, c) for h in here)]
        return list(dict.fromkeys(codes))

    def owns(self, owner: str, code: str) -> bool:
        return code in self.family(owner) or self.entity(code) in self.family(owner)

    def codes(self, line: Json) -> list[str]:
        return sorted({f for c in self.commissioners(line) for f in self.family(c)})

    def relationships(self, line: Json) -> Found:
        landing = self.holders(self.landing(line))
        asking = set() if self.action == "reidentify" else {self.organisation}
        handling = {*asking, *landing} - set(self.controllers())
        if self.is_for_a_practice(line):
            handling = set()  # it cares for its own patients, and processes for nobody
        found: Found = set()
        for code in self.commissioners(line):
            behind = {code, *self.holders(code)} | {self.entity(code) or code}
            counting = {f for b in behind for f in self.family(b)}
            fine = False
            for r in self.world["relationships"]:
                active = r["activated_at"] is not None and r["activated_at"] <= self.now
                active = active and within(self.today, r["from"], r["to"])
                named = {self.own(c) for c in (r["csu"], *r["processors"]) if c}
                named -= {r["commissioner"]}
                if active and self.own(r["commissioner"]) in counting and handling <= named:
                    fine = True
            row = self.organisation_row(self.landing(line))
            of_provider = (  # ruling 14
                row is not None
                and row["kind"] in ("NHS_TRUST", "INDEPENDENT_PROVIDER")
                and self.classification == "AGGREGATE_SUPPRESSED"
                and self.owns(row["ods"], code)
            )
            if not fine and not of_provider:
                found.add(("LCR_MISSING", code))
        return found

    def published(self, line: Json) -> Found:
        entry = self.catalogue_entry(line)
        if entry is None or not entry["gate"]:
            return set()
        days = {
            p["period"]: p["published_on"]
            for p in self.world["publications"]
            if p["data_set"] == self.data_set
        }
        return {
            ("NOT_PUBLISHED_YET", p)
            for p in self.periods
            if days.get(p) is None or days[p] > self.today
        }

    def population(self, line: Json) -> Found:  # noqa: C901  of a line, and of a file
        rule = line["population"]["rule"]
        if rule == "national":
            return set()
        found: Found = set()
        commissioners = self.commissioners(line)
        if not commissioners:
            found.add(("FACT_MISSING", "population.commissioners"))
        if rule in ("own", "union"):
            for code in commissioners:
                if not any(self.owns(c, code) for c in self.controllers()):
                    found.add(("OUT_OF_POPULATION", code))
        allowed = line["population"].get("reasons") or []
        entry = self.catalogue_entry(line)
        if entry is not None:
            usable = [r for r in allowed if r in entry["reasons"]]
            kinds = [entry["reasons"][r] for r in usable]
            if not usable:
                found.add(("FACT_MISSING", "population.reasons"))
            elif not self.file and None not in kinds:
                found |= {
                    ("FACT_MISSING", p)
                    for p in self.periods
                    if is_month(p) and not any(self.map_for(k, p) for k in kinds)
                }
        if self.file:
            mine = self.codes(line)
            found |= {("OUT_OF_POPULATION", c) for c in self.file["codes"] if c not in mine}
            strange = [r for r in self.file["reasons"] if r not in allowed]
            found |= {("OUT_OF_POPULATION", f"reason {r}") for r in strange}
            if self.file["rows_without_reason"] > 0:
                found.add(("OUT_OF_POPULATION", "rows"))
        return found

    def map_for(self, kind: str, month: str) -> str | None:
        first = date.fromisoformat(month + "-01")
        maps = [
            m
            for m in self.world["maps"]
            if m["kind"] == kind and m["valid_from"] <= first and m.get("in_force", True)
        ]
        return max(maps, key=lambda m: (m["valid_from"], m["id"]))["id"] if maps else None

    def by_maps_that_stand(self, line: Json) -> Found:
        """ruling 20: what waits gives and takes nothing, and what was taken back is no map."""
        if self.action == "fetch":
            known = [m["id"] for m in self.world["maps"]]
            gone = any(m not in known for m in self.file["maps"])
            return {("MAP_TAKEN_BACK", None)} if gone else set()
        entry = self.catalogue_entry(line)
        if self.action != "request" or entry is None or line["population"]["rule"] == "national":
            return set()
        usable = [r for r in line["population"].get("reasons") or [] if r in entry["reasons"]]
        kinds = {entry["reasons"][r] for r in usable} - {None}
        mine = set(self.codes(line))
        found: Found = set()
        for month in filter(is_month, self.periods):
            first = date.fromisoformat(month + "-01")
            begun = [
                m for m in self.world["maps"] if m["kind"] in kinds and m["valid_from"] <= first
            ]
            for m in begun:
                later = [
                    o
                    for o in begun
                    if o["kind"] == m["kind"]
                    and o.get("in_force", True)
                    and (o["valid_from"], o["id"]) > (m["valid_from"], m["id"])
                ]
                if mine & set(m.get("takes_from", [])) and not later:
                    found.add(("IMPORT_WAITING", month))
        return found

    def scanned(self, line: Json) -> Found:
        if not self.file:
            return set()
        found: Found = set()
        scan = self.file["scan"]
        first = scan["rule"] == "pcd-scan/1"  # found little: nothing new is released by it
        known = first or scan["rule"] == "pcd-scan/2"
        if not known or (first and self.action == "release"):
            found.add(("PCD_LEAK", "rule"))
        if scan["hits"] > 0:
            found.add(("PCD_LEAK", "hits"))
        entry = self.catalogue_entry(line)
        texts = [
            f["name"]
            for f in (entry["fields"] if entry else [])
            if f.get("scan")
            or not (not known or first or "of" in f or "identifier" in f or f.get("date"))
        ]
        for column in self.file["columns"]:
            is_text = column["name"] in texts and column["treatment"] == "as_is"
            if is_text and column["name"] not in scan["columns"]:
                found.add(("PCD_LEAK", column["name"]))
        return found

    def landed_safely(self, line: Json) -> Found:
        """Ruling 21: rules that let a withheld person through end what they made, given or not."""
        entry = self.catalogue_entry(line)
        if not self.file or entry is None:
            return set()
        begun = [r for r in entry["landing_rules"] if r["from"] <= self.today]
        newest = sorted(begun, key=lambda r: r["version"])[-1:]
        safe = {
            r["digest"]
            for r in entry["landing_rules"]
            for least in newest
            if r["version"] >= least["safe_from"]
        } or {None}
        if newest and not self.file["editions"]:
            return {("EDITION_UNSAFE", None)}
        return {
            ("EDITION_UNSAFE", e["id"]) for e in self.file["editions"] if e.get("rules") not in safe
        }

    def undone(self, line: Json) -> Found:  # noqa: C901, PLR0912  one judgement after another
        """[8.3, 7.9, 0.1] What a coarser column hides, no column of the file tells."""
        entry = self.catalogue_entry(line)
        if not self.file or entry is None:
            return set()
        mine = self.told(line, entry)
        every = list(mine.values())
        for other in self.snapshot()["lines"]:
            if other is not line and self.is_beside(line, other):
                for known in self.world["catalogue"]:
                    if known["digest"] == other["catalogue_digest"]:
                        every += self.told(other, known).values()
        found: Found = set()
        for column in self.columns():
            told = mine.get(column["name"])
            if told is None:
                continue
            done = self.file["caps"].get(column["name"])
            person, what, form = told["person"], told["what"], told["form"]
            same = {
                o["form"]
                for o in every
                if (person is not None and o["person"] == person) or o["what"] == what
            }
            areas = {o["form"] for o in every if o["person"] == "postcode"}
            ages = {
                o["name"]
                for o in every
                if o["form"] in ("age_years", "age_band") and o["what"] == what
            }
            hidden = (
                # of two small areas one is enough; a month beside its date is no reduction
                (form == "lsoa" and same & {"postcode_sector", "postcode_district"})
                or (form == "exact_date" and same & {"month", "year"})
                # month of birth, small area: minimise
                or (
                    person == "date_of_birth"
                    and form == "month"
                    and areas & {"lsoa", "postcode_sector"}
                )
            )
            if hidden:
                enough = done == "withheld"
            elif person == "date_of_birth" and form == "month":
                enough = done in ("withheld_of_oldest", "withheld")
            elif form in ("age_years", "age_band") and len(ages) > 1:
                enough = done in ("capped_together", "withheld_of_oldest", "withheld")
            elif person == "date_of_birth" and form in ("age_years", "year"):
                enough = done is not None
            else:
                enough = True
            if not enough:
                found.add(("CAP_UNDONE", column["name"]))
        return found

    def for_an_invoice(self) -> Found:
        """[4.1] Numbers are matched by a line of identifiable records for invoice validation."""
        fine = not self.is_match or self.key[::2] == ("IV", "IDENTIFIABLE")
        return set() if fine else {("INVOICE_VALIDATION_ONLY", "purpose")}

    def scores_of_a_supplier(self, line: Json) -> Found:
        """[4.1] Scores come back by a line of records for risk stratification to its supplier."""
        of_records = ("IDENTIFIABLE", "PSEUDO_ANONYMISED")
        fine = not self.returns_scores or (
            self.purpose == "RS"
            and self.classification in of_records
            and line["recipient_environment"]["kind"] == "rs_supplier"
        )
        return set() if fine else {("RISK_STRATIFICATION_ONLY", "purpose")}

    def singled_out(self, line: Json) -> Found:
        """Where the line has a limit of k, no group of the file's people is smaller."""
        least = line.get("min_group_size")
        if (
            self.file is None
            or type(least) is not int
            or "min_group_size" in self.unknown_keys(line)
        ):
            return set()
        groups = self.file.get("groups")
        if groups is None:
            nobody = all(c["name"] != "Token" for c in self.file["columns"])
            return set() if nobody else {("GROUP_TOO_SMALL", "groups")}
        small = groups["smallest"] is not None and groups["smallest"] < least
        return {("GROUP_TOO_SMALL", "file")} if small else set()

    def told(self, line: Json, entry: Json) -> dict[str, Json]:
        """What each field of a line tells, of what, and by which of a person's identifiers."""
        known = {f["name"]: f for f in entry["fields"]}
        found = {}
        for listed in line.get("fields") or []:
            field = known.get(listed["name"])
            if field is None or listed["treatment"] not in field["treatments"]:
                found.pop(listed["name"], None)
                continue
            dates = {"as_is": "exact_date", "month": "month", "year": "year"}
            form = dates.get(listed["treatment"]) if field.get("date") else field.get("form")
            found[listed["name"]] = {
                "name": listed["name"],
                "form": form,
                "what": (entry["data_set"], field.get("of", field["name"])),
                "person": field.get("source", field.get("identifier")),
            }
        return found

    def is_beside(self, line: Json, other: Json) -> bool:
        """[8.2] Whether one person has one token in both: one domain."""
        return not self.what_a_line_lacks(other) and (
            all(line[name] == other[name] for name in ("purpose", "recipient_environment"))
            and line["opt_out"]["applied"] == other["opt_out"]["applied"]
            and other["data_set"] in self.linked()
        )

    def linked(self) -> set[str]:
        linked = {self.data_set}
        again = True
        while again:
            again = False
            for link in self.snapshot()["linkage"]:
                group = set(link["data_sets"])
                if link["key"] == "person" and group & linked and not group <= linked:
                    linked |= group
                    again = True
        return linked

    def domain(self, line: Json, environment: Json) -> Json:
        return {
            "controllers": self.whose_tokens(),
            "agreement": self.world["agreement"]["reference"],
            "purpose": self.purpose,
            "environment": self.where_tokens_began(environment["id"]),
            "opt_out": "applied" if line["opt_out"]["applied"] else "not_applied",
            "data_sets": sorted(self.linked()),
        }

    def whose_tokens(self) -> list[str]:
        """[ruling 4] Tokens pass with the standing: whoever a version names in a predecessor's
        place has the tokens that the predecessor was given."""
        in_turn = []
        for version in self.world["agreement"]["versions"]:
            since = self.effective_from(version)
            if since is not None and since <= self.now:
                in_turn.append((since, version["sequence"], version))
        first_named: dict[str, set[str]] = {}
        ended = False
        for since, _, version in sorted(in_turn, key=lambda v: v[:2]):
            if not ended:
                first_named |= self.first_named(version, since, first_named)
            ended = ended or version is self.version
        if not ended:
            first_named |= self.first_named(self.version, self.now, first_named)
        return sorted(set().union(*(first_named[c] for c in self.version["controllers"])))

    def first_named(
        self, version: Json, since: datetime, before: dict[str, set[str]]
    ) -> dict[str, set[str]]:
        day = since.astimezone(LONDON).date()
        passed = [i for i in self.world["instruments"] if i["from"] <= day]
        found = {}
        for code in version["controllers"]:
            line = {self.own(code)}
            while more := {i["predecessor"] for i in passed if i["successor"] in line} - line:
                line |= more
            former = [names for c, names in before.items() if self.own(c) in line]
            found[code] = set().union(*former) if former else {code}
        return found

    def in_effect(self) -> list[Json]:
        """[7.1 of the design] Transfers of domains by which tokens go on, the first one first."""
        found = [
            t for t in self.world["domain_transfers"] if t["effective_at"] and not t["withdrawn"]
        ]
        return sorted(found, key=lambda t: t["effective_at"])

    def where_tokens_began(self, environment: str) -> str:
        """Back from the environment, the last transfer first."""
        for transfer in reversed(self.in_effect()):
            if transfer["following"] == environment:
                environment = transfer["former"]
        return environment

    def domain_elsewhere(self, line: Json) -> Found:
        """[8.2] Equal tokens are in one environment: where they went last."""
        environment = (self.environment(line) or {}).get("id")
        if environment is None:
            return set()
        found: Found = set()
        has_them = self.where_tokens_began(environment)
        for transfer in self.in_effect():
            if transfer["former"] == has_them:
                has_them = transfer["following"]
        if has_them != environment:
            found.add(("DOMAIN_TRANSFERRED", None))
        records = "AGGREGATE" not in self.classification
        for t in self.world["domain_transfers"]:
            waits = t["agreed"] and not t["effective_at"] and not t["withdrawn"]
            if waits and t["following"] == environment and records:
                found.add(("DOMAIN_STILL_HELD", None))
        return found

    def domain_matches(self, line: Json) -> Found:
        environment = self.environment(line)
        if not self.file or environment is None:
            return set()
        fine = self.file["domain"] == sha(self.domain(line, environment))
        return set() if fine else {("DOMAIN_MISMATCH", None)}

    def disclosed(self, line: Json) -> Found:
        if not line["disclosure_rule"]:
            return {("DISCLOSURE_RULE_MISSING", None)}
        for entry in self.world["catalogue"]:
            wanted = line["catalogue_digest"] == entry["digest"]
            if wanted and line["disclosure_rule"] != entry["disclosure_rule"]:
                return {("DISCLOSURE_RULE_UNKNOWN", None)}
        return set()

    def held(self, line: Json) -> Found:
        for hold in self.world["agreement"]["holds"]:
            if not hold["whole"] and self.key in hold["lines"] and self.is_open(hold):
                return {("BREACH_OPEN", f"line {line['number']}")}
        return set()

    # What a yes allows

    def grant(self) -> Json:
        lines = [x for x in self.snapshot()["lines"] if self.is_line(x)]
        line = next(x for x in lines if not self.of_the_line(x))
        environment = self.environment(line)
        assert environment is not None
        entry = self.catalogue_entry(line)
        assert entry is not None
        usable = [r for r in line["population"].get("reasons") or [] if r in entry["reasons"]]
        kinds = {entry["reasons"][r] for r in usable}
        listed = {f["name"]: f["treatment"] for f in line["fields"]}
        is_controller = self.organisation in self.controllers()
        is_practice = self.action == "reidentify" or self.is_for_a_practice(line)
        return {
            "version": self.version["number"],
            "line": line["number"],
            "capacity": "practice"
            if is_practice
            else ("controller" if is_controller else "processor"),
            "on_behalf_of": [] if is_controller or is_practice else self.controllers(),
            "environment": environment["id"],
            "fields": {n: listed[n] for n in self.names()},
            "filters": self.rows_of(line),
            "table": self.counted(line),
            "codes": self.codes(line),
            "maps": {
                kind: sorted(
                    {m for p in self.periods if (m := self.map_for(kind, p)) is not None}
                    if kind in kinds
                    else []
                )
                for kind in ("practice", "postcode")
            },
            "domain": self.domain(line, environment),
            # 4.1: Type 1 at the practice and the national check at the Body (R12)
            "by": "check" if self.key[::2] == ("RS", "IDENTIFIABLE") else "list",
        }


def row_of(field: Json, treatment: str) -> str:
    """In which row of 4.2 a column stands."""
    identifier = field.get("identifier")
    if treatment == "pseudonym":
        return "pseudonym"
    if identifier is not None and treatment in ("as_is", "month", "identified"):
        if field["class"] == "LI":
            return "local id"
        if field["class"] == "STAFF":
            return "about staff"
        return {
            "nhs_number": "NHS number",
            "date_of_birth": "full date of birth",
            "postcode": "full postcode",
        }.get(identifier, "other direct")
    if field["class"] in ("QI", "DER") and field.get("source") == "postcode":
        return "place of residence"
    return {
        "QI": "age, sex, ethnicity",
        "DER": "age, sex, ethnicity",
        "DI": "age, sex, ethnicity",  # a year of birth (8.3)
        "CLIN": "diagnosis",
        "SEN": "sensitive",
        "ORG": "organisation",
        "ADM": "administrative",
    }[field["class"]]


def first_instant(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=LONDON).astimezone(UTC)


def within(day: date, first: date, last: date | None) -> bool:
    return first <= day and (last is None or day <= last)


def a_year_after(day: date) -> date:
    length = calendar.monthrange(day.year + 1, day.month)[1]
    return date(day.year + 1, day.month, min(day.day, length))


def is_day(text: object) -> bool:
    return isinstance(text, str) and date.fromisoformat(text).isoformat() == text


def is_month(text: str) -> bool:
    try:
        return len(text) == 7 and date.fromisoformat(text + "-01") is not None
    except ValueError:
        return False


def midnights(first: datetime, last: datetime) -> list[datetime]:
    """Every first instant of a London day between the two."""
    day = first.astimezone(LONDON).date()
    found = []
    while (instant := first_instant(day)) <= last:
        if instant >= first:
            found.append(instant)
        day += timedelta(days=1)
    return found
