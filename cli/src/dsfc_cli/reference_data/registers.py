"""`dsfc organisations`, `assurance`, `maps`, `publications` and more: what decisions look up."""

from dsfc_cli.shell.methods import does, group, lists, shows, writes
from dsfc_client import Agreements

LOADER = "body-reference-data"

organisations = group(
    "agreements",
    "Organisations: looked up as on a day, and sent as ODS publishes them.",
    client=LOADER,
    example="dsfc organisations show 02P",
)
lists(
    organisations,
    "list",
    Agreements.organisations,
    {
        "code": "ods",
        "name": "name",
        "kind": "kind",
        "entity": "legal_entity",
        "from": "valid_from",
        "to": "valid_to",
    },
    whole=("code",),
    example="dsfc organisations list --kind ccg",
)
shows(
    organisations,
    "show",
    Agreements.organisation,
    example="dsfc organisations show 02P --as-at 2021-04-01",
)
does(
    organisations,
    "send",
    Agreements.import_organisations,
    example="dsfc organisations send eccg.csv eccg",
)

assurance = group(
    "agreements",
    "Assurance of organisations: toolkit (DSPT), registration with the ICO, and until when.",
    client=LOADER,
    example="dsfc assurance show 0DF",
)
shows(
    assurance,
    "show",
    Agreements.assurance,
    example="dsfc assurance show 0DF --as-at 2018-04-01 --identifiable",
)
does(
    assurance,
    "record",
    Agreements.record_assurance,
    example="dsfc assurance record assurance.json",
)
does(
    assurance,
    "send",
    Agreements.import_assurance,
    example="dsfc assurance send dspt.csv dspt --snapshot-on 2018-04-01",
)
lists(
    assurance,
    "ico",
    Agreements.ico_registrations,
    {
        "organisation": "organisation",
        "number": "number",
        "name": "name",
        "from": "valid_from",
        "to": "valid_to",
    },
    whole=("number",),
    example="dsfc assurance ico 0DF",
)
does(
    assurance,
    "record-ico",
    Agreements.record_ico_registration,
    example="dsfc assurance record-ico registration.json",
)

maps = group(
    "agreements",
    "Maps of practices, postcodes and deprivation: sent, listed, read.",
    client=LOADER,
    example="dsfc maps list",
)
lists(
    maps,
    "list",
    Agreements.maps,
    {
        "id": "id",
        "kind": "kind",
        "from": "valid_from",
        "entries": "entries",
        "state": "standing.state",
    },
    example="dsfc maps list --kind practice",
)
shows(maps, "show", Agreements.map, example="dsfc maps show ID")
writes(maps, "entries", Agreements.map_entries, example="dsfc maps entries ID > map.csv")
does(
    maps,
    "send",
    Agreements.import_map,
    words={"kind": "practice, postcode or deprivation."},
    example="dsfc maps send practices.csv practice --valid-from 2018-04-01",
)
does(
    maps,
    "send-directory",
    Agreements.import_postcode_directory,
    example="dsfc maps send-directory ONSPD.csv --valid-from 2018-05-31",
)

publications = group(
    "agreements",
    "Days on which figures were published: small numbers of a period may leave from then on.",
    client="body-register",
    example="dsfc publications list",
)
lists(
    publications,
    "list",
    Agreements.publications,
    {"data set": "data_set", "period": "period", "published on": "published_on"},
    whole=("data set", "period"),
    example="dsfc publications list",
)
does(
    publications,
    "record",
    Agreements.record_publication,
    example="dsfc publications record SUS_APC 2018-04 --published-on 2018-07-12",
)
does(
    publications,
    "send",
    Agreements.import_publications,
    example="dsfc publications send published.csv",
)

environment_registers = group(
    "agreements",
    "NHS England's registers of controlled environments and of risk stratification suppliers.",
    client=LOADER,
    example="dsfc environment-registers list ceff",
)
lists(
    environment_registers,
    "list",
    Agreements.environment_register,
    {
        "organisation": "organisation",
        "hosted for": "hosted_for",
        "from": "valid_from",
        "to": "valid_to",
    },
    words={"kind": "ceff or rs_supplier."},
    whole=("organisation",),
    example="dsfc environment-registers list ceff",
)
does(
    environment_registers,
    "send",
    Agreements.import_environment_register,
    words={"kind": "ceff or rs_supplier."},
    example="dsfc environment-registers send ceff.csv ceff --listed-on 2018-04-01",
)

submission_rights = group(
    "agreements",
    "Rights to send another provider's records: recorded by one, confirmed by another, ended.",
    client="body-contracts",
    example="dsfc submission-rights list",
)
lists(
    submission_rights,
    "list",
    Agreements.submission_rights,
    {
        "id": "id",
        "batch": "batch",
        "who sends": "submitter",
        "for": "provider",
        "state": "state",
        "from": "valid_from",
        "to": "valid_to",
    },
    whole=("id", "batch"),
    example="dsfc submission-rights list --state waiting",
)
shows(
    submission_rights,
    "may-submit",
    Agreements.may_submit,
    example="dsfc submission-rights may-submit RR8 --as-at 2018-04-01 --provider R0A",
)
does(
    submission_rights,
    "record",
    Agreements.record_submission_right,
    example="dsfc submission-rights record RR8 R0A --valid-from 2018-04-01"
    ' --evidence "Service agreement, section 4"',
)
does(
    submission_rights,
    "send",
    Agreements.import_submission_rights,
    example="dsfc submission-rights send rights.csv",
)
does(
    submission_rights,
    "confirm",
    Agreements.confirm_submission_rights,
    example='dsfc submission-rights --as body-reference-data confirm ID --reason "Read."',
)
does(
    submission_rights,
    "withdraw",
    Agreements.take_back_submission_rights,
    example='dsfc submission-rights withdraw ID --reason "Of another year."',
)
does(
    submission_rights,
    "end",
    Agreements.end_submission_right,
    example="dsfc submission-rights end ID --last-day 2018-06-30",
)
