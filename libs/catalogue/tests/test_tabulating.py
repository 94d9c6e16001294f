"""What can be counted of which data set, and by which columns."""

import catalogue
from catalogue.relations import plain

KNOWN, TABLES = catalogue.load(), catalogue.tabulating()


def test_the_rules_name_data_sets_and_columns_that_there_are():
    assert list(TABLES.problems_with(KNOWN)) == []


def test_what_is_about_people_can_be_counted_and_nothing_else():
    """Aggregates are counts already; of groups those of nobody are counted too, by records."""
    counted = {d.data_set for d in KNOWN if TABLES.measures_of(d)}

    assert counted == {d.data_set for d in KNOWN if d.subjects != "nobody"}
    for data_set in KNOWN:
        for group, view in data_set.by_group.items():
            names = {one.name for one in TABLES.measures_of(view) if one.of != "records"}
            assert bool(names) == (view.subjects != "nobody"), (data_set.data_set, group)


def test_a_measure_of_a_group_says_what_one_of_it_is_and_by_which_groups_it_is_cut():
    told = {one.name: one for one in TABLES.described(KNOWN.get("MHSDS"))}
    births = {one.name: one.grain for one in TABLES.described(KNOWN.get("MSDS"))}

    assert told["Care_Contacts.records"].grain == "contact"
    assert told["Care_Contacts.records"].cut_by == ("Care_Contacts", "Referrals", "Patients")
    assert told["Referrals.with_care_contacts"].grain == (
        "referral, to which rows of Care_Contacts belong"
    )
    assert births["Babies.records"] == "baby"
    assert births["Babies.people"] == "person whom rows are about, by the first baby"
    assert births["Babies.second_people"] == "second person whom rows name, by the first baby"
    assert births["Babies.pairs"] == "pair of both people whom rows name, by the first baby"
    assert "Mothers.second_people" not in births
    assert [one.name for one in TABLES.described(KNOWN.get("CSDS")) if "Group" in one.name] == [
        "Group_Sessions.records"
    ]


def test_whichever_way_leads_to_a_group_one_row_of_it_is_found():
    """To a group with a key of its own alone, by all columns of that key."""
    for data_set in KNOWN:
        for group in data_set.by_group:
            for one in data_set.relations.above(group):
                other = data_set.relations.of_group(one.group)
                assert one.by == data_set.relations.key_of(other)
                assert set(one.by) <= data_set.by_group[one.with_].by_name.keys()
                assert len(other.parts) == 1


def test_no_identifier_no_staff_code_and_no_text_is_a_dimension():
    for data_set in KNOWN:
        for name, column in data_set.releasables.items():
            field = data_set.by_name.get(name)
            if TABLES.is_dimension(data_set, name):
                assert column.identifier is None
                assert (
                    field is None
                    or (not field.scan and (field.codes or field.pattern))
                    or (column.type is catalogue.ColumnType.INTEGER)
                )


def test_every_column_of_practices_is_known_to_be_one():
    for data_set in KNOWN:
        for name in data_set.releasables:
            of_practices = "PRAC" in name.upper() and not name.upper().startswith("CCG")
            if of_practices and TABLES.is_dimension(data_set, name):
                assert TABLES.is_practice(data_set, name), (data_set.data_set, name)


def test_areas_and_months_nest_in_what_is_coarser_of_the_same_date_or_postcode():
    sus = KNOWN.get("SUS_APC")

    assert TABLES.nests_in(sus, "Der_PostCode_Sector") == {"Der_PostCode_District"}
    assert TABLES.nests_in(sus, "Der_Activity_Month") == {"Der_Financial_Year"}
    assert TABLES.nests_in(sus, "Sex") == frozenset()


def test_no_column_has_the_name_of_a_level_of_periods():
    names = {name.casefold() for d in KNOWN for name in d.releasables}

    assert not [name for name in names if name.startswith("period_")]


def test_organisations_lie_in_boards_and_these_in_regions():
    sus = TABLES.groupings(KNOWN.get("SUS_APC"))
    found = catalogue.groups()

    assert sus["Provider_Code"] == {"Provider_Code__icb", "Provider_Code__region"}
    assert sus["GP_Practice_Code__sub_icb"] == {
        "GP_Practice_Code__icb", "GP_Practice_Code__region",
    }  # fmt: skip
    assert (found.group("RFF", "icb"), found.group("02P", "region")) == ("QF7", "Y63")
    assert found.group("NT0", "region") is None


def test_no_column_is_written_as_a_group_is_and_every_grouped_column_is_there():
    names = {name for d in KNOWN for name in d.releasables}

    assert not [name for name in names if "__" in name]
    assert {plain(name) for name in names} >= TABLES.grouped


def test_the_rules_that_are_set_by_agreement_are_those_of_the_library():
    assert {
        d.disclosure_rule for d in KNOWN if d.disclosure_rule in TABLES.by_agreement
    } == TABLES.by_agreement
