"""Ways in which a sound world and a question come to be otherwise, drawn several at a time.

Each takes `draw`, the world and the question, and changes them in place. Dates are drawn near one
another and near the days on which clocks change, so that boundaries meet.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from services.agreements.tests.reference.evaluator import first_instant
from services.agreements.tests.reference.world import (
    CAG,
    CCG,
    CCG_CLIENT,
    CLIENT,
    CSU,
    ENVIRONMENT,
    EXTRACT,
    HOLDING,
    MERGED_PRACTICE,
    NOON,
    OTHER_CCG,
    OTHER_CSU,
    OTHER_ENVIRONMENT,
    POSTCODE_MAP,
    PRACTICE,
    PRACTICE_MAP,
    PREDECESSOR,
    REFERENCE,
    RISK_ENVIRONMENT,
    STRANGER,
    TRUST,
    Json,
    assurance,
    contract,
    data_set,
    domain,
    file,
    ico,
    identifiable_line,
    line,
    number,
    relationship,
    risk_request,
    rules,
    sha,
    snapshot,
    version,
    with_risk_stratification,
)

Draw = Callable[[st.SearchStrategy[Any]], Any]
Spoil = Callable[[Draw, Json, Json], None]

CHANGES_OF_CLOCKS = (date(2018, 3, 25), date(2018, 10, 28), date(2019, 3, 31), date(2019, 10, 27))
DAYS = st.sampled_from(
    [
        *(d + timedelta(days=n) for d in CHANGES_OF_CLOCKS for n in (-1, 0, 1)),
        date(2018, 4, 1), date(2018, 5, 25), date(2018, 5, 31), date(2018, 6, 1), date(2018, 6, 2),
        date(2018, 6, 8), date(2018, 12, 31), date(2019, 6, 30), date(2019, 7, 1),
        date(2020, 9, 30), date(2020, 10, 1), date(2021, 3, 31), date(2022, 7, 1),
    ]
)  # fmt: skip
MAYBE_DAYS = st.none() | DAYS
MOMENT = timedelta(microseconds=1)
INSTANTS = st.one_of(
    st.builds(
        lambda day, shift: first_instant(day) + shift,
        DAYS,
        st.sampled_from([-MOMENT, timedelta(0), MOMENT, timedelta(hours=11), timedelta(hours=1)]),
    ),
    st.datetimes(
        min_value=datetime(2018, 3, 1),  # noqa: DTZ001  hypothesis adds the zone
        max_value=datetime(2022, 8, 1),  # noqa: DTZ001  as above
        timezones=st.just(UTC),
    ),
)
MAYBE_INSTANTS = st.none() | INSTANTS
CODES = st.sampled_from([CCG, OTHER_CCG, CSU, OTHER_CSU, PREDECESSOR, TRUST, "QF7", "ZZZ"])
NUMBERS = st.sampled_from([number(CCG), number(CSU), number(OTHER_CCG), "Z9999999"])
PURPOSES = st.sampled_from(["COM", "RS", "IV", "OTHER"])
CLASSIFICATIONS = st.sampled_from(
    ["PSEUDO_ANONYMISED", "IDENTIFIABLE", "AGGREGATE_SUPPRESSED",
     "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED", "SECRET"]
)  # fmt: skip
KINDS = st.sampled_from(["analytics", "ceff", "ash", "rs_supplier", "gp_practice", "cellar"])
FIELDS = st.sampled_from(
    [*(f["name"] for f in data_set("SUS_APC")["fields"]), "Shoe_Size", "Token"]
)
TREATMENTS = st.sampled_from(["as_is", "pseudonym", "month", "year", "derived", "reversed"])
CAPS = st.sampled_from(["capped", "capped_together", "withheld_of_oldest", "withheld"])
PERIODS = st.sampled_from(["2018-03", "2018-04", "2018-05", "2019-03", "2019-04", "2018-13", "May"])
REASONS = st.lists(st.sampled_from(["S", "P", "G", "H", "R", "C", "X"]), unique=True, max_size=4)
MAPS = st.sampled_from([PRACTICE_MAP, POSTCODE_MAP, HOLDING])


def versions(world: Json) -> list[Json]:
    agreement = world["agreement"]
    return [] if agreement is None else agreement["versions"]


def a_line(draw: Draw, world: Json) -> Json | None:
    lines = [x for v in versions(world) for x in v["snapshot"]["lines"]]
    return draw(st.sampled_from(lines)) if lines else None


def the_key(question: Json) -> list[Json]:
    """The places in a question that name the line."""
    places = [question] if "purpose" in question else []
    return places + [question[n] for n in ("file", "permit") if question.get(n)]


def only_the_named_sign(world: Json) -> None:
    for v in versions(world):
        named = {*v["controllers"], *v["processors"], "body"}
        v["signed"] = {who: at for who, at in v["signed"].items() if who in named}


# The agreement


def terminated(draw: Draw, world: Json, question: Json) -> None:
    if world["agreement"]:
        world["agreement"]["terminated_at"] = draw(INSTANTS)


def other_term(draw: Draw, world: Json, question: Json) -> None:
    for v in versions(world):
        v["start"], v["end"] = sorted([draw(DAYS), draw(DAYS)])


def signature_missing(draw: Draw, world: Json, question: Json) -> None:
    for v in versions(world):
        v["signed"].pop(draw(st.sampled_from([CCG, CSU, "body"])), None)


def signature_later(draw: Draw, world: Json, question: Json) -> None:
    for v in versions(world):
        v["signed"][draw(st.sampled_from([CCG, CSU, "body"]))] = draw(INSTANTS)


def amended(draw: Draw, world: Json, question: Json) -> None:
    """A second version, which may be unsigned, and of other parties and lines."""
    if not versions(world):
        return
    signed = {CCG: draw(INSTANTS), CSU: draw(INSTANTS), "body": draw(INSTANTS)}
    second = version(
        f"v1.{len(versions(world))}",
        len(versions(world)) + 1,
        start=draw(DAYS),
        end=draw(DAYS),
        controllers=draw(st.sampled_from([[CCG], [CCG, OTHER_CCG], [OTHER_CCG]])),
        processors=draw(st.sampled_from([[CSU], [CSU, OTHER_CSU], []])),
        signed={k: v for k, v in signed.items() if draw(st.integers(0, 9)) > 0},
        snapshot=snapshot([line(fields=line()["fields"][:2]), identifiable_line()]),
    )
    if draw(st.booleans()):
        second["signed"] |= {OTHER_CCG: draw(INSTANTS), OTHER_CSU: draw(INSTANTS)}
    versions(world).append(second)


def another_reference(draw: Draw, world: Json, question: Json) -> None:
    if draw(st.booleans()):
        world["agreement"] = None


def conditions(draw: Draw, world: Json, question: Json) -> None:
    for v in versions(world):
        v["conditions"] = [
            {
                "id": draw(
                    st.sampled_from([str(n), f"assurance-review-{CSU}", f"assurance-review-{CCG}"])
                ),
                "due": draw(MAYBE_DAYS),
                "owner": draw(st.sampled_from([CSU, CCG, "X26"])),
                "fulfilled_at": draw(MAYBE_INSTANTS),
            }
            for n in range(draw(st.integers(0, 2)))
        ]


def held(draw: Draw, world: Json, question: Json) -> None:
    if world["agreement"]:
        keys = [
            ("COM", "SUS_APC", "PSEUDO_ANONYMISED"),
            ("IV", "SUS_APC", "IDENTIFIABLE"),
            ("COM", "CSDS", "PSEUDO_ANONYMISED"),
        ]
        lines = draw(st.lists(st.sampled_from(keys), unique=True, max_size=2))
        world["agreement"]["holds"].append(
            {
                "whole": not lines,
                "lines": lines,
                "set_at": draw(INSTANTS),
                "lifted_at": draw(MAYBE_INSTANTS),
            }
        )


def strange_clause(draw: Draw, world: Json, question: Json) -> None:
    for v in versions(world)[:1]:
        v["snapshot"][draw(st.sampled_from(["embargo", "title", "royalty"]))] = "x"


def texts_for_the_register(draw: Draw, world: Json, question: Json) -> None:
    """Something that the register publishes is missing, renamed or of another form."""
    for v in versions(world)[: draw(st.integers(1, 2))]:
        sections = snapshot([])["sections"]
        whole = v["snapshot"] = v["snapshot"] | {"sections": sections}
        match draw(st.integers(0, 5)):
            case 0:
                del sections[draw(st.sampled_from(["9", "10", "11", "12"]))]
            case 1:
                sections["9"] = {"aims": sections["9"]["purposes"]}
            case 2:
                sections["10"] = {"activities": draw(st.sampled_from([None, ["Counting"], ""]))}
            case 3:
                sections["12"][draw(st.sampled_from(["benefits", "yielded"]))] = draw(
                    st.sampled_from([[], [{"text": "x"}], [{"description": "x"}]])
                )
            case 4:
                whole["sections"] = draw(st.sampled_from([None, [], {}]))
            case _:
                whole.pop(draw(st.sampled_from(["title", "start", "commercial", "end"])), None)


def bases_otherwise(draw: Draw, world: Json, question: Json) -> None:
    """Bases that the law does not have, or none, or nobody's."""
    for v in versions(world):
        entry = draw(st.sampled_from(v["snapshot"]["controllers"]))
        name, words = draw(
            st.sampled_from(
                [
                    ("gdpr_article_6", ["6(1)(a)", "6(1)(f)", "6(1)(g)", "banana", ""]),
                    ("gdpr_article_9", ["9(2)(a)", "9(2)(j)", "9(2)(k)", "6(1)(e)"]),
                    ("dpa_2018_schedule_1", ["paragraph 1", "paragraph 5", "paragraph 29"]),
                ]
            )
        )
        entry[name] = draw(st.lists(st.sampled_from(words), max_size=2))
        if draw(st.integers(0, 3)) == 0:
            entry["ods"] = draw(CODES)


def numbers_otherwise(draw: Draw, world: Json, question: Json) -> None:
    """Numbers with the ICO that are others' or nobody's."""
    for v in versions(world):
        v["snapshot"]["ico_registrations"] = [
            {"ods": draw(CODES), "number": draw(NUMBERS)} for _ in range(draw(st.integers(0, 3)))
        ]


def linkage(draw: Draw, world: Json, question: Json) -> None:
    pairs = st.sampled_from([["SUS_APC", "DIDS"], ["DIDS", "MHSDS"], ["IAPT", "CSDS"], ["SUS_APC"]])
    for v in versions(world):
        v["snapshot"]["linkage"] = [
            {"data_sets": draw(pairs), "key": draw(st.sampled_from(["person", "site"]))}
            for _ in range(draw(st.integers(0, 3)))
        ]


# Those whom it concerns


def organisations(draw: Draw, world: Json, question: Json) -> None:
    row = draw(st.sampled_from(world["organisations"]))
    match draw(st.integers(0, 3)):
        case 0:
            row["to"] = draw(MAYBE_DAYS)
        case 1:
            row["entity"] = draw(CODES)
        case 2:
            world["organisations"].remove(row)
        case _:
            row["kind"] = "NHS_TRUST"


def waiting(draw: Draw, world: Json, question: Json) -> None:
    """A list waits for a second person that says otherwise of an organisation, or of evidence."""
    if draw(st.booleans()):
        rows = [dict(o) for o in world["organisations"]]
        if rows:
            draw(st.sampled_from(rows))["to"] = draw(MAYBE_DAYS)
        world.setdefault("waiting", []).append({"organisations": rows})
    else:
        evidence = [dict(e) for e in world["assurance"]]
        if evidence:
            draw(st.sampled_from(evidence)).update(
                {
                    "status": draw(st.sampled_from(["STANDARDS_MET", "STANDARDS_NOT_MET"])),
                    "published_on": draw(MAYBE_DAYS),
                }
            )
        world.setdefault("waiting", []).append({"assurance": evidence})


def transferred(draw: Draw, world: Json, question: Json) -> None:
    world["instruments"].append(
        {"predecessor": draw(CODES), "successor": draw(CODES), "from": draw(DAYS)}
    )


def succeeded(draw: Draw, world: Json, question: Json) -> None:
    """The controller's standing goes to a successor, who has some or all that it needs."""
    world["instruments"].append({"predecessor": CCG, "successor": OTHER_CCG, "from": draw(DAYS)})
    if draw(st.booleans()):
        world["assurance"].append(assurance(OTHER_CCG))
        world["ico"].append(ico(OTHER_CCG))


def domains_transferred(draw: Draw, world: Json, question: Json) -> None:
    """Tokens are to go on in another environment, do so, go back, or all of that is taken back."""
    if world["domain_transfers"]:
        return
    others = [ENVIRONMENT, OTHER_ENVIRONMENT, RISK_ENVIRONMENT]
    moves = [(a, b) for a in others for b in others if a != b]
    at, where = NOON, draw(st.sampled_from(moves))
    for _ in range(draw(st.integers(1, 3))):
        effective = draw(st.booleans())
        withdrawn = not effective and draw(st.booleans())
        world["domain_transfers"].append(
            {
                "former": where[0],
                "following": where[1],
                "agreed": effective or draw(st.booleans()),
                "effective_at": at if effective else None,
                "withdrawn": withdrawn,
            }
        )
        if not effective:
            return
        at += timedelta(minutes=1)
        where = (where[1], draw(st.sampled_from([o for o in others if o != where[1]])))


def contracts(draw: Draw, world: Json, question: Json) -> None:
    changes = st.fixed_dictionaries(
        {},
        optional={
            "start": DAYS,
            "end": MAYBE_DAYS,
            "signed_at": MAYBE_INSTANTS,
            "body_signed_at": MAYBE_INSTANTS,
            "terminated_at": MAYBE_INSTANTS,
        },
    )
    if draw(st.booleans()):
        world["contracts"].append(contract(draw(CODES), **draw(changes)))
    elif world["contracts"]:
        world["contracts"][0] |= draw(changes)


def relationships(draw: Draw, world: Json, question: Json) -> None:
    changes = st.fixed_dictionaries(
        {},
        optional={
            "csu": st.none() | CODES,
            "processors": st.lists(CODES, max_size=2),
            "from": DAYS,
            "to": MAYBE_DAYS,
            "activated_at": MAYBE_INSTANTS,
        },
    )
    if draw(st.booleans()):
        world["relationships"].append(relationship(draw(CODES), **draw(changes)))
    elif world["relationships"]:
        world["relationships"][0] |= draw(changes)


def assured(draw: Draw, world: Json, question: Json) -> None:
    changes = st.fixed_dictionaries(
        {},
        optional={
            "kind": st.sampled_from(["DSPT", "SLSP", "ISO27001"]),
            "edition": st.sampled_from(["17/18", "18/19", "19/20", "20/21"]),
            "status": st.sampled_from(
                ["STANDARDS_EXCEEDED", "STANDARDS_MET", "APPROACHING_STANDARDS",
                 "STANDARDS_NOT_MET", "NOT_PUBLISHED"]
            ),
            "published_on": MAYBE_DAYS,
            "expires_on": MAYBE_DAYS,
            "seen_on": DAYS,
            "reviewed": st.booleans(),
            "plan_accepted": st.booleans(),
            "plan_until": MAYBE_DAYS,
            "locations_covered": st.booleans(),
        },
    )  # fmt: skip
    if draw(st.booleans()):
        world["assurance"].append(assurance(draw(st.sampled_from([CCG, CSU])), **draw(changes)))
    elif world["assurance"]:
        draw(st.sampled_from(world["assurance"])).update(draw(changes))
    for evidence in world["assurance"]:
        if evidence["kind"] != "DSPT":
            evidence["status"] = "CERTIFIED"


def registered(draw: Draw, world: Json, question: Json) -> None:
    first, last = sorted([draw(DAYS), draw(DAYS)])
    if draw(st.booleans()):
        world["ico"].append(ico(draw(CODES), number=draw(NUMBERS), **{"from": first, "to": last}))
    elif world["ico"]:
        draw(st.sampled_from(world["ico"])).update({"from": first, "to": last})


def environments(draw: Draw, world: Json, question: Json) -> None:
    row = draw(st.sampled_from(world["environments"]))
    match draw(st.integers(0, 3)):
        case 0:
            row["clients"] = draw(
                st.lists(st.sampled_from([CLIENT, CCG_CLIENT, STRANGER, "ceff-0df"]), max_size=3)
            )
        case 1:
            row["organisation"] = draw(CODES)
        case 2:
            world["environments"].remove(row)
            if not world["environments"]:
                world["environments"].append(row | {"organisation": "ZZZ"})
        case _:
            row["kind"] = draw(KINDS)


def listed(draw: Draw, world: Json, question: Json) -> None:
    """The registers of environments say otherwise: of whom, for whom, and when."""
    first, last = sorted([draw(DAYS), draw(DAYS)])
    changes = [
        {"organisation": draw(CODES)},
        {"for": draw(CODES)},
        {"from": first, "to": last},
        {"kind": draw(st.sampled_from(["ceff", "rs_supplier"]))},
    ]
    if not world["listed"]:
        return
    row = draw(st.sampled_from(world["listed"]))
    match draw(st.integers(0, 2)):
        case 0:
            world["listed"].remove(row)
        case 1:
            world["listed"].append(row | draw(st.sampled_from(changes)) | {"from": first})
        case _:
            row.update(draw(st.sampled_from(changes)))


# The line


def line_otherwise(draw: Draw, world: Json, question: Json) -> None:
    """Other values of the line's clauses."""
    x = a_line(draw, world)
    if x is None:
        return
    first, last = sorted([draw(PERIODS), draw(PERIODS)])
    options: list[tuple[str, Any]] = [
        ("periods", {"from": first, "to": draw(st.sampled_from([last, None]))}),
        ("catalogue_digest", sha(["catalogue", draw(st.sampled_from(["CSDS", "SUS_APC", "?"]))])),
        ("group", draw(st.sampled_from([None, "1"]))),
        ("disclosure_rule", draw(st.sampled_from([None, "", "SHMI", "HES"]))),
        ("sensitivity", draw(st.sampled_from(["SENSITIVE", "NON_SENSITIVE", "A_LITTLE"]))),
        ("frequency", draw(st.sampled_from(["yearly", "on_request", "always"]))),
        ("access_method", draw(st.sampled_from(["ONE_OFF", "SYSTEM_ACCESS", "BY_POST"]))),
        (
            "population",
            {
                "rule": draw(st.sampled_from(["own", "union", "list", "national", "galactic"])),
                "commissioners": draw(st.none() | st.lists(CODES, max_size=3)),
                "reasons": draw(REASONS),
            },
        ),
        ("recipient_environment", {"organisation": draw(CODES), "kind": draw(KINDS)}),
        (
            "opt_out",
            {
                "applied": draw(st.booleans()),
                "reason": draw(
                    st.sampled_from(["no_identifying_data", "consent", "exemption", "whim", None])
                ),
            },
        ),
        (
            "dissemination_power",
            draw(
                st.sampled_from(
                    ["s261", "s261_2_c", "s261_4", "s261_5_d", "s261_7", "s261_1", "royal"]
                )
            ),
        ),
        (
            "confidentiality",
            {
                "route": draw(
                    st.sampled_from(
                        ["not_identifiable", "consent", "section_251", "other_law", "trust"]
                    )
                ),
                "section_251": draw(
                    st.sampled_from([None, CAG, "CAG 7-04(a)/2013", "CAG 9-99/2018"])
                ),
            },
        ),
    ]
    name, value = draw(st.sampled_from(options))
    x[name] = value


ROWS = st.fixed_dictionaries(
    {
        "column": st.sampled_from(
            ["Sex", "Sex", "Diagnosis", "Der_LSOA", "Der_Age", "Der_Age", "Hospital_Spell_No",
             "Episode_Start_Date", "Provider_Code", "Shoe_Size"]
        )
    },
    optional={
        "any_of": st.lists(st.sampled_from(["1", "2", "7"]), max_size=3),
        "at_least": st.integers(0, 3),
        "at_most": st.integers(0, 3),
    },
)  # fmt: skip
SOUND_ROWS = st.sampled_from(["1", "2"]).map(lambda code: {"column": "Sex", "any_of": [code]})
FILTERS = st.lists(ROWS | SOUND_ROWS, max_size=2, unique_by=lambda one: one["column"])


def filtered(draw: Draw, world: Json, question: Json) -> None:
    """Filters of the line, of what is asked, and of what was made."""
    x = a_line(draw, world)
    if x is not None and draw(st.booleans()):
        wrong = [{"column": "Sex", "any_of": "1"}, {"column": "Sex", "any_of": ["1"], "or": "2"}]
        x["filters"] = draw(
            FILTERS
            | st.lists(ROWS, min_size=2, max_size=2)
            | st.sampled_from(wrong).map(lambda one: [one])
        )
        if draw(st.booleans()):
            x.setdefault("fields", []).append(
                {"name": "Der_Age", "treatment": "derived", "reason": "need"}
            )
    if question["action"] == "request":
        question["filters"] = draw(FILTERS)
        return
    same = draw(FILTERS)
    for name in ("file", "permit"):
        if question.get(name):
            question[name]["filters"] = draw(st.just(same) | FILTERS)


LEVELS = st.sampled_from(
    ["Sex", "Der_Age_Band", "Der_Sector", "Der_LSOA", "Provider_Code", "Practice", "Diagnosis",
     "Shoe_Size", "Provider_Code__icb", "Provider_Code__region", "Practice__sub_icb",
     "Practice__region", "Shoe_Size__icb", "Period_Month", "Period_Quarter",
     "Period_Financial_Year"]
)  # fmt: skip
DIMENSIONS = st.one_of(
    st.sampled_from(
        [
            [{"column": "Sex", "within": []}],
            [{"column": "Der_Sector", "within": ["Der_LSOA"]}, {"column": "Sex", "within": []}],
            [{"column": "Period_Month", "within": ["Period_Financial_Year"]}],
            [{"column": "Practice", "within": []}],
            [{"column": "Provider_Code", "within": ["Provider_Code__icb"]}],
            [{"column": "Practice__sub_icb", "within": []}],
        ]
    ),
    st.lists(
        st.fixed_dictionaries({"column": LEVELS, "within": st.lists(LEVELS, max_size=2)}),
        min_size=1,
        max_size=2,
    ),
)


IN_GROUPS = ["People.Town", "Visits.Kind", "Notes.Kind", "Wards.Kind"]
JOINED: Json = {"People": [], "Visits": ["People"], "Notes": ["Visits", "People"], "Wards": []}


def in_groups(world: Json) -> tuple[Any, Any, Any]:
    """Let the data sets be supplied in groups; give what may be asked of these."""
    for entry in world["catalogue"]:
        entry["joined"] = JOINED
        entry["measures"] = ["People.records", "People.people", "Visits.records", "Notes.records"]
        entry["measures"].append("Wards.records")
        entry["fields"] = entry["fields"] + [
            {"name": n, "class": "CLIN", "treatments": ["as_is"], "categories": True}
            for n in IN_GROUPS
        ]
    measures = ["Visits.records", "Visits.records", "People.people", "Visits.people"]
    measures += ["Notes.records", "Wards.records", "Nothing.records", "records"]
    further = [{}, {}, {"further_measures": ["Visits.pairs"]}]
    further += [{"further_measures": ["People.records"]}]
    names = st.sampled_from([*IN_GROUPS, "Sex", "Nothing.Kind"])
    dimension = st.builds(lambda column: {"column": column, "within": []}, names)
    dimensions = st.lists(dimension, min_size=1, max_size=2, unique_by=lambda d: d["column"])
    return st.sampled_from(measures), st.sampled_from(further), dimensions


def chosen_over_groups(draw: Draw, world: Json, question: Json) -> None:
    """Filters on columns of groups: of the line, of what is asked, and of what was made."""
    filters = st.lists(
        st.builds(lambda name: {"column": name, "any_of": ["X"]}, st.sampled_from(IN_GROUPS)),
        max_size=2,
        unique_by=lambda one: one["column"],
    )
    for v in versions(world):
        for x in v["snapshot"]["lines"]:
            if x.get("number") == 1:
                x["filters"] = draw(filters)
    places = [question] if question["action"] == "request" else []
    for place in places or [question[n] for n in ("file", "permit") if question.get(n)]:
        place["filters"] = draw(filters)


def tabulated(draw: Draw, world: Json, question: Json) -> None:  # noqa: C901, PLR0912  one member after another
    """An aggregate line in good order, and a table by it, or one that differs somewhere."""
    classification = draw(
        st.sampled_from(["AGGREGATE_SUPPRESSED", "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED"])
    )
    alone = draw(st.sampled_from([False, False, True]))
    shown = "protected" if classification == "AGGREGATE_SUPPRESSED" else "exact"
    if alone and shown == "protected":
        shown = "as_published"
    for entry in world["catalogue"]:
        entry["set_by_agreement"] = draw(st.sampled_from([False, False, False, True]))
    taken = {"suppress_min": 1, "suppress_max": 4, "round_base": 5}
    good = dict(taken)
    if draw(st.sampled_from([False, False, False, True])):
        taken[draw(st.sampled_from(sorted(taken)))] = draw(
            st.sampled_from([0, 2, 5, 30, None, "1"])
        )
    if draw(st.sampled_from([False, False, True])):
        taken["measures"] = draw(st.sampled_from([["headcount"], ["fte"]]))
    is_set = any(e["set_by_agreement"] for e in world["catalogue"] if e["data_set"] == "SUS_APC")
    is_said = draw(st.sampled_from([is_set, is_set, is_set, not is_set]))
    listed = ["Sex", "Der_Age_Band", "Der_Sector", "Der_LSOA", "Provider_Code", "Practice"]
    dimensions = DIMENSIONS
    measures = st.sampled_from(["records", "records", "records", "beds"])
    further = st.sampled_from([{}, {}, {"further_measures": ["beds"]}])
    if draw(st.integers(0, 4)) == 0:
        measures, further, dimensions = in_groups(world)
        listed += IN_GROUPS
    for v in versions(world):
        for x in v["snapshot"]["lines"]:
            if x.get("number") == 1:
                x["classification"] = classification
                if is_said:
                    x["disclosure_parameters"] = taken
                if draw(st.sampled_from([alone, alone, alone, not alone])):
                    x["as_published"] = draw(st.sampled_from(["to equal it", "it", " "]))
                x["fields"] = (
                    [
                        {
                            "name": n,
                            "treatment": "derived" if n.startswith("Der_") else "as_is",
                            "reason": draw(st.sampled_from(["need", "need", ""])),
                        }
                        for n in draw(
                            st.lists(st.sampled_from(listed), unique=True) | st.just(listed)
                        )
                    ]
                    or x.get("fields")
                    or []
                )
    for place in the_key(question):
        place["classification"] = draw(
            st.sampled_from([classification] * 3 + ["PSEUDO_ANONYMISED", "IDENTIFIABLE"])
        )
    asked = {"measure": draw(measures), "dimensions": draw(dimensions)} | draw(further)
    if "." in asked["measure"]:
        chosen_over_groups(draw, world, question)
    columns = dict.fromkeys(
        level.split("__")[0]
        for d in asked["dimensions"]
        for level in [d["column"], *d["within"]]
        if not level.startswith("Period_")
    )
    if question["action"] == "request":
        question["table"], question["fields"] = asked, list(columns)
        if alone:
            question["table"] = asked | {"profile": "as_published"}
        if draw(st.integers(0, 9)) == 0:
            question["table"] |= {"linked_data_sets": ["SHMI"]}
        return
    if is_said:
        asked["parameters"] = draw(st.sampled_from([good, good, good | {"round_base": 1}]))
    described = {f["name"]: f for f in data_set("SUS_APC")["fields"]}
    forms = {n: described[n]["treatments"][0] if n in described else "as_is" for n in columns}
    done = st.sampled_from([shown, shown, shown, shown, "exact", "protected", "as_published"])
    if question.get("permit"):
        question["permit"] |= {
            "fields": forms, "table": asked | {"disclosure": draw(done)},
        }  # fmt: skip
    if question.get("file"):
        other = {"measure": draw(measures), "dimensions": draw(dimensions)}
        question["file"] |= {
            "columns": [
                {"name": n, "treatment": t, "class": described.get(n, {"class": "QI"})["class"]}
                for n, t in forms.items()
            ],
            "scan": {"rule": "pcd-scan/2", "columns": list(columns), "hits": 0},
            "order": draw(st.sampled_from(["category", "category", "token"])),
            "table": draw(st.sampled_from([asked, asked, asked, other]))
            | {
                "disclosure": draw(done),
                "rule": draw(st.sampled_from(["HES", "HES", "HES", "SHMI"])),
                "certificate": draw(st.sampled_from([sha(["proof"]), sha(["proof"]), "none"])),
                "recovered": draw(st.sampled_from([0, 0, 2])) if alone else 0,
            },
        }
        if draw(st.sampled_from([False, False, False, True])):
            question["file"].pop("table")


def line_fields(draw: Draw, world: Json, question: Json) -> None:
    x = a_line(draw, world)
    if x is None:
        return
    names = draw(st.lists(FIELDS, min_size=1, max_size=4))
    x["fields"] = [
        {
            "name": name,
            "treatment": draw(TREATMENTS),
            "reason": draw(st.sampled_from(["case mix", "", None])),
        }
        for name in names
    ]


def line_broken(draw: Draw, world: Json, question: Json) -> None:
    """A clause that is missing, or one that nobody knows."""
    x = a_line(draw, world)
    if x is None:
        return
    if draw(st.booleans()):
        x[draw(st.sampled_from(["filters", "embargo_until"]))] = ["x"]
    elif draw(st.booleans()):
        nested = draw(st.sampled_from(["population", "opt_out", "confidentiality", "periods"]))
        if isinstance(x.get(nested), dict):
            x[nested] = x[nested] | {"but_only": "x"}
    else:
        removable = ["periods", "population", "opt_out", "fields", "sensitivity",
                     "dissemination_power", "recipient_environment", "confidentiality"]  # fmt: skip
        x.pop(draw(st.sampled_from(removable)), None)


def line_key(draw: Draw, world: Json, question: Json) -> None:
    x = a_line(draw, world)
    if x is not None:
        x["purpose"], x["classification"] = draw(PURPOSES), draw(CLASSIFICATIONS)


def second_line_of_the_key(draw: Draw, world: Json, question: Json) -> None:
    for v in versions(world)[:1]:
        twin = line(
            number=3,
            recipient_environment={"organisation": CCG, "kind": "analytics"},
            fields=line()["fields"][: draw(st.integers(1, 5))],
        )
        v["snapshot"]["lines"].insert(draw(st.integers(0, 1)), twin)
    world["environments"].append(
        {
            "id": "00000000-0000-7000-8000-0000000000e3",
            "organisation": CCG,
            "kind": "analytics",
            "clients": [CCG_CLIENT],
        }
    )


def joint(draw: Draw, world: Json, question: Json) -> None:
    """A second controller, who has some or all that it needs."""
    for v in versions(world):
        v["controllers"] = [CCG, OTHER_CCG]
        v["signed"].setdefault(OTHER_CCG, v["signed"].get(CCG))
        if v["signed"][OTHER_CCG] is None:
            del v["signed"][OTHER_CCG]
        for x in v["snapshot"]["lines"]:
            if isinstance(x.get("population"), dict):
                x["population"]["commissioners"] = [CCG, OTHER_CCG]
    if draw(st.booleans()):
        world["contracts"].append(contract(OTHER_CCG))
        world["relationships"].append(relationship(OTHER_CCG, csu=CSU))
        world["assurance"].append(assurance(OTHER_CCG))
        world["ico"].append(ico(OTHER_CCG))


# What else is known


def formerly_approved(draw: Draw, world: Json, question: Json) -> None:
    """The approval had lapsed and was extended: it was in force before and after a gap."""
    for approval in world["approvals"]:
        days = sorted(draw(st.lists(DAYS, min_size=4, max_size=4, unique=True)))
        approval["former"] = [(days[0], days[1])]
        approval |= {"start": days[2], "end": days[3]}


def approvals(draw: Draw, world: Json, question: Json) -> None:
    first, last = sorted([draw(DAYS), draw(DAYS)])
    world["approvals"] = [
        {
            "reference": draw(st.sampled_from([CAG, "CAG 7-04(a)/2013", "CAG 9-99/2018"])),
            "purposes": draw(st.lists(PURPOSES, max_size=3)),
            "controllers": draw(st.none() | st.lists(CODES, max_size=2)),
            "start": first,
            "end": last,
        }
    ]


def publications(draw: Draw, world: Json, question: Json) -> None:
    world["publications"] = [
        {"data_set": name, "period": period, "published_on": draw(DAYS)}
        for name in ("CSDS", "SUS_APC")
        for period in ("2018-04", "2018-05")
        if draw(st.booleans())
    ]


def about_csds(draw: Draw, world: Json, question: Json) -> None:
    """Everything is about a data set that waits for publication."""
    for v in versions(world):
        for x in v["snapshot"]["lines"]:
            x["data_set"], x["catalogue_digest"] = "CSDS", sha(["catalogue", "CSDS"])
    for place in the_key(question):
        place["data_set"] = "CSDS"
        if "catalogue_digest" in place:
            place["catalogue_digest"] = sha(["catalogue", "CSDS"])
        for edition in place.get("editions", []):
            edition["rules"] = sha(["rules", "CSDS", 2])


RULED = [
    ("GP_RS", "Sex"),
    ("CIVIL_DEATHS", "Sex"),
    ("SHMI", "EPIKEY"),
    ("GPW", "GMC_NUMBER"),
    ("GPW", "PRACTICE_CODE"),
    ("ECDS", "Fractional_Age_At_Arrival"),
    ("SUS_APC", "Der_Practice_Patient_Distance_Miles"),
]


def of_a_ruled_data_set(draw: Draw, world: Json, question: Json) -> None:
    """Everything is about a data set that is not there for everybody, or one column of it is."""
    name, column = draw(st.sampled_from(RULED))
    reason, linked = draw(st.sampled_from(["why", " "])), draw(st.booleans())
    described = data_set(name)
    others = (entry for entry in world["catalogue"] if entry["data_set"] != name)
    world["catalogue"] = [*others, described]
    for v in versions(world):
        link = {"data_sets": [name, "HES_APC"], "key": "person", "mitigation": "x"}
        v["snapshot"]["linkage"] = [link] if linked else []
        for x in v["snapshot"]["lines"]:
            x["data_set"], x["catalogue_digest"] = name, described["digest"]
            for listed in x.get("fields") or []:
                listed["reason"] = reason
    for place in the_key(question):
        place["data_set"] = name
        if "catalogue_digest" in place:
            place["catalogue_digest"] = described["digest"]
    for part in (world, question):
        _renamed(part, "Sex", column)


def _renamed(value: Any, old: str, new: str) -> None:
    """Call a column otherwise wherever it is named."""
    if isinstance(value, dict):
        for key in [k for k in value if k == old]:
            value[new] = value.pop(key)
        for key, entry in value.items():
            value[key] = new if entry == old else entry
            _renamed(entry, old, new)
    elif isinstance(value, list):
        value[:] = [new if entry == old else entry for entry in value]
        for entry in value:
            _renamed(entry, old, new)


def catalogue(draw: Draw, world: Json, question: Json) -> None:
    if not world["catalogue"]:
        return
    entry = draw(st.sampled_from(world["catalogue"]))
    match draw(st.integers(0, 3)):
        case 0:
            world["catalogue"].remove(entry)
        case 1:
            entry["gate"] = not entry["gate"]
        case 2:
            for letter in draw(REASONS):
                entry["reasons"].pop(letter, None)
        case _:
            entry["data_set"] = "DIDS"


def maps(draw: Draw, world: Json, question: Json) -> None:
    world["maps"] = [
        {
            "id": id_,
            "kind": kind,
            "valid_from": draw(DAYS),
            "in_force": draw(st.sampled_from([True, True, False])),
            "takes_from": draw(st.sampled_from([[], [], [CCG], [OTHER_CCG]])),
        }
        for id_, kind in (
            (PRACTICE_MAP, "practice"),
            (POSTCODE_MAP, "postcode"),
            (HOLDING, "practice"),
        )
        if draw(st.booleans())
    ]


def reserved(draw: Draw, world: Json, question: Json) -> None:
    for period in draw(st.lists(PERIODS, max_size=2)):
        place = (draw(st.sampled_from([ENVIRONMENT, OTHER_ENVIRONMENT])), "SUS_APC", period)
        world["reserved"][place] = draw(st.sampled_from(["applied", "not_applied"]))


def held_before(draw: Draw, world: Json, question: Json) -> None:
    """What the environment was given before, like the file or unlike it, fetched or not."""
    lists = st.sampled_from(["list-1", "list-2", None])
    if question.get("file"):
        question["file"]["opt_out"] = {
            "applied": draw(st.booleans()), "list_date": draw(MAYBE_DAYS), "list": draw(lists),
        }  # fmt: skip
    for _ in range(draw(st.integers(1, 2))):
        other = file(
            periods=draw(st.lists(PERIODS, min_size=1, max_size=2, unique=True)),
            codes=draw(st.lists(CODES, max_size=2)) or [CCG],
            opt_out={
                "applied": draw(st.booleans()),
                "list_date": date(2018, 6, 1),
                "list": draw(lists),
                "besides": draw(st.lists(st.just("list-3"), max_size=1)),
            },
            editions=draw(
                st.lists(
                    st.fixed_dictionaries(
                        {
                            "id": st.sampled_from(["edition-1", "edition-2"]),
                            "from": st.just("2018-04"),
                            "to": st.sampled_from(["2018-04", "2018-05"]),
                        }
                    ),
                    max_size=2,
                )
            ),
        )
        world["held"].append({"file": other, "may_have_left": draw(st.booleans())})


def changes_wanted(draw: Draw, world: Json, question: Json) -> None:
    """A change set is asked for, or is in the file; the line mostly allows it."""
    for v in versions(world):
        for x in v["snapshot"]["lines"]:
            x["change_sets"] = draw(st.sampled_from([True, True, True, False]))
    extract = "00000000-0000-7000-8000-00000000e00d"
    if question["action"] == "request":
        question["changes_since"] = extract
        earlier = file(
            extract_id=draw(st.sampled_from([extract, extract, extract, EXTRACT])),
            periods=draw(st.sampled_from([question["periods"], question["periods"], ["2018-04"]])),
            purpose=draw(st.sampled_from(["COM", "COM", "COM", "IV"])),
            format=draw(st.sampled_from(["parquet", "parquet", "csv"])),
            changes=draw(st.sampled_from([None, None, None, extract])),
        )
        if draw(st.booleans()):
            earlier["columns"] = [c for c in earlier["columns"] if c["name"] in question["fields"]]
        entry = {"file": earlier, "may_have_left": draw(st.sampled_from([True, True, False]))}
        if draw(st.sampled_from([False, False, True])):
            entry["agreement"] = "DARS-NIC-654321-Z9Y8X"
        if draw(st.sampled_from([False, False, False, True])):
            entry["destroyed"] = True
        world["held"].append(entry)
    elif question.get("file"):
        question["file"]["changes"] = extract
        question["file"]["columns"].append(
            {"name": "Change", "treatment": "derived", "class": "DER"}
        )
        if question.get("permit"):
            question["permit"]["changes_since"] = draw(st.sampled_from([extract, extract, None]))


def landed(draw: Draw, world: Json, question: Json) -> None:
    """What the haven would read and leave out today, of months that are mostly held already."""
    if question["action"] != "request":
        return
    where = ENVIRONMENT
    if draw(st.sampled_from([False, False, True])):
        with_risk_stratification(world)
        question |= risk_request(periods=question["periods"])
        where = RISK_ENVIRONMENT
    for drafted in versions(world):
        for entry in drafted["snapshot"]["lines"]:
            applied = draw(st.sampled_from([True, True, True, False]))
            entry["opt_out"] = {"applied": applied, "reason": "no_identifying_data"}
    months = [*question["periods"], draw(PERIODS)]
    read = st.lists(st.sampled_from(["edition-1", "edition-2"]), max_size=2, unique=True)
    question["landed"] = {
        "lists": draw(st.sampled_from([["list-1"], ["list-2"], ["list-1", "list-3"]])),
        "editions": {m: draw(read) for m in months if draw(st.sampled_from([True, True, False]))},
    }
    for _ in range(draw(st.integers(1, 2))):
        first, last = sorted(draw(st.lists(st.sampled_from(months), min_size=2, max_size=2)))
        other = file(
            periods=[*dict.fromkeys([first, last])],
            codes=draw(st.sampled_from([[CCG], [CCG], [OTHER_CCG], [OTHER_CCG, CCG], []])),
            opt_out={
                "applied": draw(st.sampled_from([True, True, True, False])),
                "list_date": date(2018, 6, 1),
                "list": draw(st.sampled_from(["list-1", "list-2", None])),
                "besides": draw(st.sampled_from([[], [], ["list-3"]])),
            },
            editions=[{"id": id_, "from": first, "to": last} for id_ in draw(read)],
        )
        world["held"].append(
            {
                "file": other,
                "may_have_left": draw(st.sampled_from([True, True, False])),
                "environment": draw(st.sampled_from([where, where, where, OTHER_ENVIRONMENT])),
            }
        )


def void(draw: Draw, world: Json, question: Json) -> None:
    world["void"] = draw(st.booleans())


def destroyed(draw: Draw, world: Json, question: Json) -> None:
    """The destruction of the file that is asked for was accepted."""
    world["destroyed"] = draw(st.booleans())


def recalled(draw: Draw, world: Json, question: Json) -> None:
    """What the haven took back, and files that rest on it or on something else."""
    lists = st.sampled_from(["list-1", "list-2"])
    if question.get("file"):
        question["file"]["opt_out"] = {
            "applied": draw(st.booleans()), "list_date": date(2018, 6, 1), "list": draw(lists),
            "besides": draw(st.lists(st.just("list-3"), max_size=1)),
        }  # fmt: skip
        question["file"]["editions"] = [
            {"id": draw(st.sampled_from(["edition-1", "edition-2"])),
             "from": "2018-04", "to": "2018-05"}
        ]  # fmt: skip
    kinds = st.sampled_from([("opt_out_list", "list-1"), ("edition", "edition-1")])
    for kind, source in draw(st.lists(kinds, min_size=1, max_size=2)):
        instead = draw(st.none() | st.sampled_from(["list-3", "list-2"]))
        world["recalled"].append({"kind": kind, "source": source, "replaced_by": instead})


def clock_behind(draw: Draw, world: Json, question: Json) -> None:
    world["last_decision_at"] = draw(INSTANTS)


# The question


def another_asker(draw: Draw, world: Json, question: Json) -> None:
    place = question["permit"] if question["action"] == "release" else question
    if place:
        place["client"] = draw(st.sampled_from([CLIENT, CCG_CLIENT, STRANGER, "ceff-0df"]))
        place["organisation"] = draw(CODES)


def another_key(draw: Draw, world: Json, question: Json) -> None:
    purpose, classification = draw(PURPOSES), draw(CLASSIFICATIONS)
    for place in the_key(question):
        place["purpose"], place["classification"] = purpose, classification


def about_the_identifiable_line(draw: Draw, world: Json, question: Json) -> None:
    """The other line, asked for by the client of its environment, in good order."""
    iv = domain(
        purpose="IV",
        environment=OTHER_ENVIRONMENT,
        opt_out="applied",
        data_sets=["DIDS", "SUS_APC"],
    )
    listed = {"age": draw(st.integers(-1, 9))}
    names = {"NHS_Number": "as_is", "Hospital_Spell_No": "as_is"}
    for place in the_key(question):
        place["purpose"], place["classification"] = "IV", "IDENTIFIABLE"
        place["line"] = 2
    if question.get("permit"):
        question["permit"] |= {
            "client": "ceff-0df", "environment": OTHER_ENVIRONMENT, "fields": names, "domain": iv,
            "applied": True,
        }  # fmt: skip
    if question["action"] != "release":
        question["client"] = "ceff-0df"
        question["environment"] = OTHER_ENVIRONMENT
        question["fields"] = list(names)
    if question.get("file"):
        question["file"] |= {
            "columns": [
                {"name": "Token", "treatment": "pseudonym", "class": "DER"},
                {"name": "NHS_Number", "treatment": "as_is", "class": "DI"},
                {"name": "Hospital_Spell_No", "treatment": "as_is", "class": "LI"},
            ],
            "domain": sha(iv),
            "opt_out": {
                "applied": True,
                "list_date": date(2018, 6, 1) - timedelta(days=listed["age"]),
            },
        }


def other_periods(draw: Draw, world: Json, question: Json) -> None:
    periods = draw(st.lists(PERIODS, min_size=1, max_size=3))
    (question["file"] if question.get("file") else question)["periods"] = periods


def other_fields(draw: Draw, world: Json, question: Json) -> None:
    names = draw(st.lists(FIELDS, min_size=1, max_size=4, unique=True))
    if question["action"] == "request":
        question["fields"] = [n for n in names if n != "Token"] or ["Sex"]
    elif question.get("file"):
        described = {f["name"]: f["class"] for f in data_set("SUS_APC")["fields"]}
        question["file"]["columns"] = [
            {
                "name": name,
                "treatment": draw(TREATMENTS),
                "class": described.get(name, draw(st.sampled_from(["QI", "DER"]))),
            }
            for name in names
        ]


def other_file(draw: Draw, world: Json, question: Json) -> None:
    """Something else in the file than was permitted, or than the line allows."""
    if not question.get("file"):
        return
    options: list[tuple[str, Any]] = [
        ("id", "another"), ("extract_id", "another"), ("permit_id", HOLDING),
        ("preparation_id", HOLDING), ("format", draw(st.sampled_from(["csv", "parquet", "xlsx"]))),
        ("line", 2), ("codes", draw(st.lists(CODES, max_size=2))),
        ("reasons", draw(REASONS)), ("maps", [draw(MAPS)]),
        ("rows_without_reason", draw(st.integers(0, 2))),
        ("domain", sha(domain(agreement="DARS-NIC-999999-Z9Z9Z"))),
        ("opt_out", {"applied": draw(st.booleans()), "list_date": draw(MAYBE_DAYS)}),
        (
            "scan",
            {
                "rule": draw(st.sampled_from(["pcd-scan/1", "pcd-scan/2", "pcd-scan/0"])),
                "columns": draw(st.lists(FIELDS, max_size=3)),
                "hits": draw(st.integers(0, 1)),
            },
        ),
        ("caps", draw(st.dictionaries(FIELDS, CAPS, max_size=4))),
        ("disclosure_rule", "SHMI"), ("order", "arrival"),
        ("catalogue_digest", sha(["catalogue", draw(st.sampled_from(["CSDS", "?"]))])),
    ]  # fmt: skip
    name, value = draw(st.sampled_from(options))
    question["file"][name] = value


def other_permit(draw: Draw, world: Json, question: Json) -> None:
    if question["action"] != "release":
        if question["action"] == "fetch":
            question["environment"] = draw(st.sampled_from([ENVIRONMENT, OTHER_ENVIRONMENT]))
        return
    options: list[tuple[str, Any]] = [
        ("extract_id", "another"), ("environment", OTHER_ENVIRONMENT), ("formats", ["csv"]),
        ("codes", draw(st.lists(CODES, max_size=2))), ("reasons", draw(REASONS)),
        ("fields", {draw(FIELDS): draw(TREATMENTS)}), ("applied", draw(st.booleans())),
        ("periods", draw(st.lists(PERIODS, max_size=2))), ("disclosure_rule", "SHMI"),
        ("by", draw(st.sampled_from(["list", "check"]))),
    ]  # fmt: skip
    name, value = draw(st.sampled_from(options))
    if question["permit"]:
        question["permit"][name] = value


def landed_otherwise(draw: Draw, world: Json, question: Json) -> None:
    """An edition by older, newer, unknown or no rules; rules that begin, or become unsafe."""
    if question.get("file"):
        made = st.sampled_from([sha(["rules", "SUS_APC", n]) for n in (1, 2, 3)] + [None, "?"])
        question["file"]["editions"] = [
            {"id": f"edition-{n}", "from": "2018-04", "to": "2018-05", "rules": draw(made)}
            for n in range(draw(st.integers(0, 2)))
        ]
    for entry in world["catalogue"]:
        versions = draw(st.lists(st.integers(1, 3), max_size=3, unique=True))
        entry["landing_rules"] = [
            rules(
                entry["data_set"],
                n,
                safe_from=draw(st.integers(1, n)),
                **({"from": draw(DAYS)} if draw(st.booleans()) else {}),
            )
            for n in versions
        ]


def columns_that_undo_one_another(draw: Draw, world: Json, question: Json) -> None:
    """Forms of one thing on a line, or on two that share tokens; a file made with or without."""
    described = {f["name"]: f for f in data_set("SUS_APC")["fields"]}
    names = draw(st.lists(st.sampled_from(TOLD), min_size=1, max_size=5, unique=True))
    forms = {n: draw(st.sampled_from(described[n]["treatments"])) for n in names}
    fields = [{"name": n, "treatment": t, "reason": "need"} for n, t in forms.items()]
    for v in versions(world):
        lines = v["snapshot"]["lines"]
        own = [x for x in lines if x.get("number") == 1 and isinstance(x.get("fields"), list)]
        for x in own[:1]:
            x["fields"] = fields
        if draw(st.booleans()):
            environment = {"organisation": draw(st.sampled_from([CSU, CCG])), "kind": "analytics"}
            lines.append(
                line(
                    number=9,
                    classification="AGGREGATE_SUPPRESSED",
                    recipient_environment=environment,
                    data_set=draw(st.sampled_from(["SUS_APC", "DIDS", "CSDS"])),
                    catalogue_digest=sha(["catalogue", draw(st.sampled_from(["SUS_APC", "CSDS"]))]),
                    fields=[
                        {
                            "name": n,
                            "treatment": described[n]["treatments"][0],
                            "reason": "need",
                        }
                        for n in draw(st.lists(st.sampled_from(TOLD), min_size=1, unique=True))
                    ],
                )
            )
    if question["action"] == "request":
        question["fields"] = names
        return
    if question.get("permit"):
        question["permit"]["fields"] = forms
    if question.get("file"):
        question["file"]["columns"] = [
            {"name": n, "treatment": t, "class": described[n]["class"]} for n, t in forms.items()
        ]
        question["file"]["caps"] = draw(
            st.dictionaries(st.sampled_from(names), CAPS, max_size=len(names))
        )


TOLD = (
    "Episode_Start_Date", "Discharge_Date", "Der_Age_Band", "Der_Age", "Der_Birth_Month",
    "Der_LSOA", "Der_Sector", "Der_Start_Month",
)  # fmt: skip
"""Columns that tell something of a birth, a postcode or an event."""


def other_spellings(draw: Draw, world: Json, question: Json) -> None:
    """Somebody wrote a longer form, a site, or small letters, in one place or in several."""
    world["organisations"].append(
        {"ods": f"{CSU}01", "kind": "SITE", "entity": CSU, "from": date(2013, 4, 1), "to": None}
    )
    spelled = {
        CCG: draw(st.sampled_from([f"{CCG}00", CCG.lower(), f"{CCG}01", f" {CCG}"])),
        CSU: draw(st.sampled_from([f"{CSU}01", CSU.lower(), f"{CSU}00"])),
    }

    def again(code: str) -> str:
        return spelled.get(code, code)

    asker = question.get("permit") or question
    version = world["agreement"]["versions"][-1] if world["agreement"] else None
    askers = [asker] if "organisation" in asker else []  # a release may have lost its permit
    places: list[Callable[[], object]] = [
        *(
            lambda row=row: row.update(organisation=again(row["organisation"]))
            for rows in (askers, world["contracts"], world["environments"])
            for row in rows
        ),
        *(
            lambda row=row: row.update(
                commissioner=again(row["commissioner"]),
                csu=row["csu"] and again(row["csu"]),
                processors=[again(p) for p in row["processors"]],
            )
            for row in world["relationships"]
        ),
    ]
    for line_ in version["snapshot"]["lines"] if version is not None else ():
        environment, population = line_.get("recipient_environment"), line_.get("population")
        if isinstance(environment, dict) and environment.get("organisation") in spelled:
            places.append(lambda at=environment: at.update(organisation=again(at["organisation"])))
        if isinstance(population, dict) and isinstance(population.get("commissioners"), list):
            places.append(
                lambda at=population: at.update(
                    commissioners=[again(c) for c in at["commissioners"]]
                )
            )
    if not places:
        return
    for place in draw(st.lists(st.sampled_from(places), min_size=1, max_size=4)):
        place()


def no_evidence(draw: Draw, world: Json, question: Json) -> None:
    if question["action"] == "release":
        question[draw(st.sampled_from(["file", "permit"]))] = None


def few_share(draw: Draw, world: Json, question: Json) -> None:
    """A limit of how few people share something, or what is none; and what the haven counted."""
    x = a_line(draw, world)
    if x is not None:
        x["min_group_size"] = draw(st.sampled_from([2, 5, 10, 1, 1001, "5", True, None]))
    if question.get("file"):
        smallest = st.sampled_from([None, 0, 1, 4, 5, 50])
        question["file"]["groups"] = draw(st.none() | st.fixed_dictionaries({"smallest": smallest}))


def practices_otherwise(draw: Draw, world: Json, question: Json) -> None:
    """Another asker, another line, a practice that closed, or its assurance otherwise."""
    if question["action"] != "reidentify":
        return
    options: list[tuple[str, Any]] = [
        ("organisation", draw(st.sampled_from([PRACTICE, MERGED_PRACTICE, CCG, CSU, "ZZ9"]))),
        ("purpose", draw(PURPOSES)),
        ("classification", draw(CLASSIFICATIONS)),
        ("agreement", draw(st.sampled_from([REFERENCE, "DARS-NIC-999999-Z9Z9Z"]))),
    ]
    name, value = draw(st.sampled_from(options))
    question[name] = value
    if draw(st.booleans()):
        for evidence in world["assurance"]:
            if evidence["organisation"] in (PRACTICE, MERGED_PRACTICE):
                evidence["published_on"] = draw(DAYS)
                evidence["seen_on"] = draw(DAYS)


SPOILING: tuple[Spoil, ...] = (
    terminated, other_term, signature_missing, signature_later, amended, another_reference,
    conditions, held, strange_clause, texts_for_the_register, linkage, bases_otherwise,
    numbers_otherwise,
    organisations, waiting, transferred, succeeded, domains_transferred,
    contracts, relationships, assured, registered, environments, listed, line_otherwise,
    line_fields,
    filtered, tabulated,
    line_broken, line_key, second_line_of_the_key, joint, approvals, formerly_approved,
    publications, about_csds, of_a_ruled_data_set, catalogue, maps, reserved, held_before, landed,
    changes_wanted, void, destroyed, recalled,
    clock_behind, another_asker, another_key, about_the_identifiable_line, other_periods,
    other_fields, other_file, other_permit, landed_otherwise,
    columns_that_undo_one_another, other_spellings, no_evidence, few_share, practices_otherwise,
)  # fmt: skip

__all__ = [
    "INSTANTS",
    "SPOILING",
    "changes_wanted",
    "few_share",
    "landed",
    "only_the_named_sign",
    "practices_otherwise",
    "tabulated",
]
