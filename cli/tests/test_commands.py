"""The `dsfc` command as a newcomer calls it."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest
import typer
from cryptography import x509
from sqlmodel import Session
from typer.testing import CliRunner

import catalogue
import dsfc_cli
from catalogue import store
from catalogue.flows import example
from common import audit
from common.audit.entries import Entry
from common.clock import SystemClock
from common.db import engine as engines
from common.db.tables import metadata
from common.security import keys
from dsfc_cli.agreements.linking import rows_of
from dsfc_cli.dissemination import extracting
from dsfc_cli.dissemination.downloading import opt_outs_in, what_one_is
from dsfc_cli.dissemination.tabulating import dimension_of, filter_of
from dsfc_cli.house.identities import Identities
from dsfc_cli.house.suite import SERVICES, DidNotStart, Suite
from dsfc_cli.main import app
from dsfc_cli.shell import calling
from dsfc_client import Extract, Linkage, Profile, Tabulation
from dsfc_testing.certificates import RENEWED_DAYS, Authority

run = CliRunner().invoke


def as_a_process(*arguments: str) -> tuple[int, str]:
    """The command as a shell runs it; what it says of an error."""
    told = subprocess.run(
        [sys.executable, "-m", "dsfc_cli.main", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    return told.returncode, told.stderr


NOBODY = "00000000-0000-7000-8000-000000000001"
WRONG = """
data_set: TINY
version: "1"
"""


def test_help_names_every_command() -> None:
    told = run(app, ["--help"]).output

    for command in (
        "up",
        "demo",
        "token",
        "generate",
        "catalogue",
        "audit",
        "contracts",
        "waiting",
        "watch",
        "download",
        "table",
        "reidentify",
        "opt-out-checks",
    ):
        assert command in told


@pytest.mark.parametrize(
    ("command", "code", "what"),
    [
        (["list"], 1, "There are no identities in"),
        (["--key", "KEY", "list"], 1, "--role says as what"),
        (["confirm", "lists", NOBODY, "--reason", "because"], 2, "There is no kind lists"),
        (["take-back", "map", NOBODY], 2, "Missing option"),
        (["show", "map", "../imports"], 2, "Invalid value"),
    ],
)
def test_what_is_asked_wrongly_of_what_waits_is_said_in_a_line(
    tmp_path: Path, command: list[str], code: int, what: str
) -> None:
    told = run(app, ["waiting", "--as", "one", "--directory", str(tmp_path), *command])

    assert told.exit_code == code
    assert what in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["extract", NOBODY], "has `dsfc up` run there?"),
        (["submission", NOBODY, "--key", "none.jwk"], "--role says as what"),
        (["file", NOBODY], "submission"),
        (["extract", "one"], "Invalid value"),
    ],
)
def test_what_cannot_be_watched_is_said_in_a_line(
    command: list[str], said: str, tmp_path: Path
) -> None:
    told = run(app, ["watch", *command, "--as", "one", "--directory", str(tmp_path)])

    assert told.exit_code in {1, 2}
    assert said in " ".join(told.output.split())


def test_without_tokens_or_a_suite_nobody_is_re_identified(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.txt"
    tokens.write_text("PatientTokenOfTheExample\n")
    asked = ["reidentify", "DARS-NIC-123456-A1B2C", "SUS_APC", str(tokens)]
    why = ["--reason-code", "recall", "--reason", "A check is due", "--directory", str(tmp_path)]

    alone, without = run(app, [*asked, *why]), run(app, asked)

    assert (alone.exit_code, without.exit_code) == (1, 2)
    assert "has `dsfc up` run there?" in " ".join(alone.output.split())
    assert "Missing option" in without.output
    assert "PatientToken" not in alone.output


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ([NOBODY, "--zip"], "has `dsfc up` run there?"),
        ([NOBODY, "--key", "none.jwk"], "--role says as what"),
        (["one"], "Invalid value"),
    ],
)
def test_what_cannot_be_downloaded_is_said_in_a_line(
    command: list[str], said: str, tmp_path: Path
) -> None:
    told = run(app, ["download", *command, "--as", "one", "--directory", str(tmp_path)])

    assert told.exit_code in {1, 2}
    assert said in " ".join(told.output.split())


TABLE = [
    *("table", "DARS-NIC-123456-A1B2C", "SUS_APC", "--period", "2018-04"),
    *("--by", "Sex", "--as", "one"),
]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 1, "has `dsfc up` run there?"),
        (["--only", "Sex"], 2, "--only Sex: write COLUMN=VALUE,VALUE or COLUMN=FROM..TO."),
        (["--only", "=1"], 2, "write COLUMN=VALUE"),
        (["--only", "Age=young..old"], 2, "a range is of whole numbers"),
        (["--only", "Age=.."], 2, "a range is of whole numbers"),
    ],
)
def test_what_makes_no_table_is_said_in_a_line(
    options: list[str], code: int, said: str, tmp_path: Path
) -> None:
    told = run(app, [*TABLE, "--directory", str(tmp_path), *options])

    assert told.exit_code == code
    assert said in " ".join(told.output.split())
    assert "Traceback" not in told.output


def test_an_extract_is_previewed_and_asked_for_by_the_same_options() -> None:
    """One body of both; `preview` has `--json`, `ask` has `--yes`."""
    commands = typer.main.get_group(extracting.app).commands
    options = {
        name: {of.name: (of.opts, of.required, of.help) for of in commands[name].params}
        for name in ("preview", "ask")
    }
    asked = options["ask"].keys() & options["preview"].keys()

    assert {name: options["ask"][name] for name in asked} == {
        name: options["preview"][name] for name in asked
    }
    assert options["ask"].keys() - asked == {"is_accepted"}
    assert options["preview"].keys() - asked == {"as_json"}
    assert len(asked) == 9


def test_columns_and_rows_of_a_table_are_written_as_the_body_has_them() -> None:
    assert dimension_of("Sex") == {"column": "Sex"}
    assert dimension_of("Referrals.Gender") == {"column": "Referrals.Gender"}
    assert dimension_of("LSOA/MSOA/LAD") == {"column": "LSOA", "within": ["MSOA", "LAD"]}
    assert filter_of("Sex=1,2") == {"column": "Sex", "any_of": ["1", "2"]}
    assert filter_of("Age=18..64") == {"column": "Age", "at_least": 18, "at_most": 64}
    assert filter_of("Age=..64") == {"column": "Age", "at_most": 64}


@pytest.mark.parametrize(
    ("opt_outs", "said"),
    [
        (None, None),
        ({"applied": True}, "Opt-outs are upheld."),
        (
            {"applied": False, "ground": {"by": "rule", "reason": "waived", "source": "ruling 27",
             "letter": "CAG 7-07, letter of 2018-05-01"}},
            "Opt-outs are not upheld, by rule: waived (ruling 27; CAG 7-07, letter of 2018-05-01).",
        ),
    ],
)  # fmt: skip
def test_whether_and_why_opt_outs_are_upheld_is_said_in_a_line(
    opt_outs: dict[str, object] | None, said: str | None
) -> None:
    told = {"id": "019a0000-0000-7000-8000-000000000001", "agreement": "A", "data_set": "SUS_APC"}
    asked = Extract.model_validate({**told, "state": "requested", "opt_outs": opt_outs})

    assert opt_outs_in(asked) == said


def test_what_one_of_each_measure_is_is_said_when_a_table_is_asked_for() -> None:
    said = {
        "id": NOBODY,
        "agreement": "DARS-NIC-123456-A1B2C",
        "state": "requested",
        "measure": "Referrals.records",
        "further_measures": ["Referrals.people"],
        "grains": ["referral", "person whom rows are about, by the first referral"],
    }

    told = list(what_one_is(Tabulation.model_construct(**said)))

    assert told == [
        "Referrals.records: one is a referral, and each is counted once.",
        (
            "Referrals.people: one is a person whom rows are about, by the first referral, and each"
            " is counted once."
        ),
    ]


def test_generate_writes_input_maps_and_what_was_planted(tmp_path: Path) -> None:
    told = run(
        app,
        f"generate --data-set DIDS --rows 200 --bad-rows 3 --output {tmp_path}".split(),
    )

    assert told.exit_code == 0, told.output
    assert {p.name for p in tmp_path.iterdir()} == {
        "dids.csv",
        "practices.csv",
        "postcodes.csv",
        "dids.planted.json",
    }
    assert len(json.loads((tmp_path / "dids.planted.json").read_text())["bad_rows"]) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        ["--data-set", "HES"],
        ["--data-set", "DIDS", "--first", "yesterday"],
        ["--data-set", "DIDS", "--first", "2018-05-01", "--last", "2018-04-30"],
        ["--data-set", "DIDS", "--seed", "-1"],
        ["--data-set", "DIDS", "--bad-rows", "99"],
        ["--data-set", "DIDS", "--period", "2018-W15"],
        ["--data-set", "GPW", "--period", "2018-04"],
        ["--data-set", "SHMI", "--period", "2018-04", "--first", "2018-04-01"],
        ["--data-set", "CSDS", "--bad-rows", "3"],
        [],
        ["--layout", "LAYOUT", "--data-set", "DIDS"],
        ["--layout", "LAYOUT", "--period", "2018-W15"],
    ],
)
def test_generate_says_what_it_cannot_do(wrong: list[str], tmp_path: Path) -> None:
    layout = tmp_path / "flow.yaml"
    layout.write_text(example(of_tables=True), "utf-8")
    named = [str(layout) if word == "LAYOUT" else word for word in wrong]

    told = run(app, ["generate", *named, "--rows", "100", "--output", str(tmp_path)])

    assert told.exit_code == 2
    assert "Traceback" not in told.output


def test_generate_makes_files_of_a_layout_of_ones_own(tmp_path: Path) -> None:
    """Else whoever registers one has nothing to try it with."""
    for of_tables, names in ((False, 1), (True, 3)):
        layout = tmp_path / f"{of_tables}.yaml"
        layout.write_text(example(of_tables=of_tables), "utf-8")
        made = tmp_path / f"made-{of_tables}"
        options = ["--layout", str(layout), "--rows", "60", "--output", str(made)]

        told = run(app, ["generate", *options])

        assert told.exit_code == 0, told.output
        files = [p for p in made.rglob("*.csv") if p.name not in {"practices.csv", "postcodes.csv"}]
        assert len(files) == names
        assert all(p.read_text().count("\n") > 1 for p in files)


@pytest.mark.parametrize("lists", [{}, {"etr.csv": "a,b\n", "practices.csv": "x,y\n1,2\n"}])
def test_generate_says_that_the_lists_of_codes_are_none(
    lists: dict[str, str], tmp_path: Path
) -> None:
    for name, content in lists.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    code, told = as_a_process("generate", "--data-set", "DIDS", "--ods", str(tmp_path))

    assert code == 2
    assert told.count("\n") == 1, told
    assert str(tmp_path) in told


def test_the_same_seed_makes_the_same_bytes_and_another_makes_others(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        options = f"generate --data-set SUS_APC --rows 500 --seed {seed} --output {tmp_path / name}"
        assert run(app, options.split()).exit_code == 0
    a, b, c = ((tmp_path / name / "sus_apc.csv").read_bytes() for name in "abc")

    assert a == b
    assert a != c


def test_catalogue_check_tells_where_a_file_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "TINY.yaml"
    file.write_text(WRONG, encoding="utf-8")

    told = run(app, ["catalogue", "check", str(file)])

    assert told.exit_code == 1
    assert "version" in told.output
    assert "fields" in told.output


def test_catalogue_check_says_in_one_line_that_a_file_is_no_yaml(tmp_path: Path) -> None:
    file = tmp_path / "TINY.yaml"
    file.write_text("a: [1\n", encoding="utf-8")

    told = run(app, ["catalogue", "check", str(file)])

    assert told.exit_code == 1
    assert told.output.count("\n") == 1


def test_catalogue_show_says_where_each_rule_comes_from_and_what_is_assumed() -> None:
    told = run(app, ["catalogue", "show", "SUS_APC"])

    assert told.exit_code == 0, told.output
    restricted = [line for line in told.output.splitlines() if "LEGALLY_RESTRICTED" in line]
    assert "assumed" in restricted[0]  # of the newest rules, which are the first
    assert "SUS_APC 1.1" in told.output
    unknown = run(app, ["catalogue", "show", "NOTHING"])
    assert unknown.exit_code == 1
    assert "SUS_APC" in unknown.output


def test_catalogue_list_is_for_machines_too() -> None:
    told = run(app, ["catalogue", "list", "--json"])

    rows = json.loads(told.output)
    assert {d["data_set"] for d in rows} >= {"SUS_APC", "DIDS"}
    [shmi] = [d for d in rows if (d["data_set"], d["version"]) == ("SHMI", "1.1")]
    assert (shmi["coverage"], shmi["refresh"]) == ("selection", "final_at_publication")


def test_catalogue_add_publishes_a_file_once_and_says_what_keeps_one_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: `store.add` and what the command says of its refusals."""
    copy = tmp_path / "catalogue"
    shutil.copytree(Path(str(resources.files("catalogue"))), copy)
    monkeypatch.setattr(store, "files", lambda _: copy)
    store.forget()
    text = (copy / "data_sets" / "DIDS-1.3.yaml").read_text("utf-8")
    made = tmp_path / "mine.yaml"

    def add(content: str) -> tuple[int, str]:
        made.write_text(content, encoding="utf-8")
        told = run(app, ["catalogue", "add", str(made)])
        return told.exit_code, told.output + told.stderr

    try:
        code, told = add(text.replace('version: "1.3"', 'version: "9.0"'))
        shown = run(app, ["catalogue", "show", "DIDS", "--version", "9.0", "--csv"])
        changed = text.replace('version: "1.3"', 'version: "9.0"').replace(
            "\ntitle: ", "\ntitle: My "
        )
        refused = [
            add(changed),
            add(text.replace("class: QI", "class: XX")),
            add("data_set: [half"),
        ]
    finally:
        store.forget()

    assert code == 0
    assert told.split() == [str(copy / "data_sets" / "DIDS-9.0.yaml"), told.split()[1]]
    assert told.split()[1].startswith("sha256:")
    assert shown.exit_code == 0
    assert [code for code, _ in refused] == [1, 1, 1]
    assert "differs from what was published" in refused[0][1]
    assert "line " in refused[1][1]
    assert "is not YAML" in refused[2][1]
    assert not any("Traceback" in said for _, said in refused)


def test_a_list_cuts_nothing_off_that_one_asks_by() -> None:
    """Guard: `printing.print_table`: a terminal of 80 characters showed `CIVIL_BI…`."""
    told = run(app, ["catalogue", "list"])

    lines = told.output.splitlines()
    for described in catalogue.load():
        of_it = (described.data_set, described.version, described.title)
        assert any(all(part in line for part in of_it) for line in lines), of_it
    assert any("Assuring Transformation" in line for line in lines)


def test_every_list_is_printed_by_the_one_that_cuts_nothing_off() -> None:
    sources = Path(dsfc_cli.__file__).parent.rglob("*.py")
    own = [f.name for f in sources if "rich.table" in f.read_text("utf-8")]

    assert own == ["printing.py"], "a list is printed by `printing.print_table`"


def test_token_knows_no_stranger(tmp_path: Path) -> None:
    Identities.create(tmp_path / "identities")

    told = run(app, ["token", "nobody", "dissemination", "--directory", str(tmp_path)])

    assert told.exit_code == 1
    assert "No development identity is named nobody" in told.output


def test_token_makes_no_keys_where_nothing_has_run(tmp_path: Path) -> None:
    told = run(app, ["token", "csu-0df-analytics", "agreements", "--directory", str(tmp_path)])

    assert told.exit_code == 1
    assert "has `dsfc up` run there?" in told.output
    assert not list(tmp_path.iterdir())


def test_token_says_where_it_looked_for_the_issuer(tmp_path: Path) -> None:
    Identities.create(tmp_path / "identities")
    nowhere = "http://127.0.0.1:1"
    told = run(
        app,
        f"token csu-0df-analytics agreements --directory {tmp_path} --issuer {nowhere}".split(),
    )

    assert told.exit_code == 1
    assert nowhere in told.output


def test_what_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    code, told = as_a_process("keys", "--directory", str(file))

    assert code == 2
    assert told.strip() == f"{file / 'identities'}: Not a directory"


def test_no_traceback_reaches_a_user(tmp_path: Path) -> None:
    broken = (
        "import sys, catalogue; from dsfc_cli import main; catalogue.load = lambda: 1 / 0;"
        " sys.argv = ['dsfc', 'catalogue', 'list']; main.run()"
    )

    told = subprocess.run(
        [sys.executable, "-c", broken],
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,
    )

    assert told.returncode == 70
    assert "Traceback" not in told.stdout + told.stderr
    assert told.stderr.count("\n") == 1
    assert "ZeroDivisionError" in (tmp_path / "var" / "dsfc-error.txt").read_text("utf-8")


def test_a_chapter_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    told = run(app, ["demo", "--chapter", "nowhere", "--directory", str(tmp_path / "demo")])

    assert told.exit_code == 2
    assert "lists" in told.output


def test_a_demo_clears_only_what_a_demo_left(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()

    told = run(app, ["demo", "--directory", str(tmp_path)])

    assert told.exit_code == 2
    assert (tmp_path / "precious").exists()


def test_two_suites_do_not_share_a_directory(tmp_path: Path) -> None:
    suite = Suite(tmp_path, services=())
    with suite, pytest.raises(DidNotStart, match="in use"), Suite(tmp_path, services=()):
        pass

    with Suite(tmp_path, services=()):
        pass


def test_a_suite_has_one_client_an_identity_until_a_service_moves(tmp_path: Path) -> None:
    with Suite(tmp_path, services=()) as suite:
        mine = suite.client("csu-0df-analytics")
        assert suite.client("csu-0df-analytics") is mine
        assert suite.public() is suite.public() is not mine
        assert suite.client("csu-0cx-analytics") is not mine

        suite.urls["agreements"] = "http://127.0.0.1:1"
        assert suite.client("csu-0df-analytics") is not mine


def test_keys_for_the_compose_file_are_made_once_and_the_realm_has_no_secret(
    tmp_path: Path,
) -> None:
    assert run(app, ["keys", "--directory", str(tmp_path)]).exit_code == 0
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.jwk")}
    assert run(app, ["keys", "--directory", str(tmp_path)]).exit_code == 0

    assert {p: p.read_bytes() for p in tmp_path.rglob("*.jwk")} == before
    assert (tmp_path / "pseudonymisation" / "kek.key").stat().st_mode & 0o077 == 0
    realm = json.loads((tmp_path / "keycloak" / "dsfc-realm.json").read_text())
    for client in realm["clients"]:
        (key,) = json.loads(client["attributes"]["jwks.string"])["keys"]
        assert "d" not in key
        assert client["clientAuthenticatorType"] == "client-jwt"
        assert client["attributes"]["access.token.header.type.rfc9068"] == "true"
        assert set(client["optionalClientScopes"]) > {"audience:agreements"}
    scopes = {scope["name"] for scope in realm["clientScopes"]}
    assert {name for c in realm["clients"] for name in c["optionalClientScopes"]} <= scopes
    for client in realm["clients"]:
        fixed = {m["config"]["claim.name"]: m["config"] for m in client["protocolMappers"]}
        assert fixed["sub"]["claim.value"] == client["clientId"], "the same after each import"
    trained = next(c for c in realm["clients"] if c["clientId"] == "dscro-operator")
    assert "training_valid_until" in {mapper["name"] for mapper in trained["protocolMappers"]}


def test_passwords_for_the_compose_file_are_made_once_and_are_the_owners_alone(
    tmp_path: Path,
) -> None:
    assert run(app, ["keys", "--directory", str(tmp_path)]).exit_code == 0
    passwords = {p.name: p.read_text() for p in (tmp_path / "postgres").iterdir()}
    assert run(app, ["keys", "--directory", str(tmp_path)]).exit_code == 0

    assert {p.name: p.read_text() for p in (tmp_path / "postgres").iterdir()} == passwords
    assert set(passwords) == {"superuser", *SERVICES}
    assert len(set(passwords.values())) == len(passwords)
    for service in SERVICES:
        file = tmp_path / service / f"{service}_database_url"
        assert file.read_text() == (
            f"postgresql+psycopg://{service}:{passwords[service]}@postgres/{service}"
        )
        assert file.stat().st_mode & 0o077 == 0


def test_the_profile_of_the_compose_file_names_keys_that_are_there(tmp_path: Path) -> None:
    assert run(app, ["keys", "--directory", str(tmp_path)]).exit_code == 0

    profile = Profile.read(tmp_path / "profile.json")

    assert profile.assertion_audience == profile.issuer == "http://keycloak:8080/realms/dsfc"
    assert profile.token_url.startswith("http://127.0.0.1:8080/realms/dsfc/")
    assert profile.credentials("csu-0df-analytics", beside=tmp_path).role == "csu-system"
    assert not any(part in (tmp_path / "profile.json").read_text() for part in ('"d"', "password"))


def test_certificates_for_the_compose_file_are_made_once_and_one_that_ends_soon_anew(
    tmp_path: Path,
) -> None:
    """Who asks over TLS believes the authority alone; its key is given to no container."""
    assert run(app, ["keys", "--directory", str(tmp_path)]).exit_code == 0
    shown = sorted(tmp_path.rglob("tls.crt"))
    before = [path.read_bytes() for path in shown]
    assert [path.parent.name for path in shown] == sorted(
        ("agreements", "applications", "dissemination", "pseudonymisation", "kafka", "keycloak"),
        key=lambda name: ("tls" if name.startswith("k") else name, name),
    )
    ending = tmp_path / "agreements" / "tls.crt"
    Authority.load_or_new(tmp_path / "tls" / "ca.crt", tmp_path / "tls" / "ca.key").issue(
        ["agreements"], ending, tmp_path / "agreements" / "tls.key", days=RENEWED_DAYS
    )

    assert run(app, ["keys", "--directory", str(tmp_path)]).exit_code == 0

    after = [path.read_bytes() for path in shown]
    changed = [a == b for a, b in zip(before, after, strict=True)]
    assert changed.count(False) == 1
    assert [p.parent.name for p in tmp_path.rglob("ca.key")] == ["tls"]
    profile = Profile.read(tmp_path / "profile-tls.json")
    authority = profile.authority_file(beside=tmp_path)
    assert authority is not None
    assert all(url.startswith("https://127.0.0.1:") for url in profile.services.values())
    trusting = x509.load_pem_x509_certificate(authority.read_bytes())
    for path in shown:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        found.verify_directly_issued_by(trusting)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert path.parent.name in names.get_values_for_type(x509.DNSName)
        assert path.with_suffix(".key").stat().st_mode & 0o077 == 0
        # By this name, and nothing else of it, the broker knows it (deploy/kafka/acls.csv).
        assert found.subject.rfc4514_string() == f"CN={path.parent.name}"


def test_private_keys_are_the_owners_alone(tmp_path: Path) -> None:
    identities = Identities.create(tmp_path)

    file = identities.key_file("dissemination")

    assert file.stat().st_mode & 0o077 == 0


def test_an_identity_has_its_own_roles_only(tmp_path: Path) -> None:
    identities = Identities.create(tmp_path)

    with pytest.raises(LookupError, match="is not dars-approver"):
        identities.credentials("body-case-officer", "dars-approver")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The state of one service: a log of three leaves, a checkpoint, its key."""
    signer = keys.load_or_generate(tmp_path / "keys" / "agreements.jwk")
    engine = engines.create(f"sqlite:///{tmp_path / 'agreements.db'}")
    metadata.create_all(engine)
    clock = SystemClock()
    entries = [
        Entry(
            at=clock.now(),
            action=f"tested-{n}",
            resource="thing",
            subject="somebody",
            client_id="client",
            organisation="X26",
            role="auditor",
        )
        for n in range(3)
    ]
    with Session(engines.writing(engine)) as session, session.begin():
        audit.append(session, entries)
    audit.checkpoint(
        engine, signer=signer, directory=tmp_path / "checkpoints", log="agreements", clock=clock
    )
    engine.dispose()
    return tmp_path


def verify(kept: Path, *options: str) -> tuple[int, str]:
    told = run(app, ["audit", "verify", "--directory", str(kept), "--log", "agreements", *options])
    return told.exit_code, told.output


def test_audit_verify_finds_a_log_whole(kept: Path) -> None:
    code, told = verify(kept, "--json")

    assert code == 0
    assert json.loads(told)[0]["leaves"] == 3


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("UPDATE audit_leaf SET entry = replace(entry, 'tested-1', 'tested-9')", "LEAF_EDITED"),
        ('DELETE FROM audit_leaf WHERE "index" = 1', "LEAF_DELETED"),
        ('DELETE FROM audit_leaf WHERE "index" = 2', "LOG_TRUNCATED"),
    ],
)
def test_audit_verify_names_what_is_broken(kept: Path, change: str, kind: str) -> None:
    with closing(sqlite3.connect(kept / "agreements.db")) as connection, connection:
        connection.execute(change)

    code, told = verify(kept)

    assert code == 1
    assert kind in told


def test_audit_verify_finds_checkpoints_that_are_gone(kept: Path) -> None:
    (kept / "checkpoints" / "agreements.checkpoints").unlink()

    code, told = verify(kept)

    assert code == 1
    assert "CHECKPOINT_MISSING" in told


def test_audit_verify_says_what_it_could_not_check_and_checks_it_by_what_was_kept(
    kept: Path,
) -> None:
    file = kept / "checkpoints" / "agreements.checkpoints"
    copy = kept / "kept.checkpoints"
    copy.write_text(file.read_text())
    (report,) = json.loads(verify(kept, "--json")[1])
    assert (report["kept"], len(report["unchecked"])) == (0, 1)

    code, told = verify(kept, "--json", "--checkpoint", str(copy), "--head", f"3:{report['root']}")

    assert code == 0
    (again,) = json.loads(told)
    assert (again["kept"], again["unchecked"]) == (2, [])


def test_audit_verify_finds_that_all_was_put_back_by_a_head_that_was_kept(kept: Path) -> None:
    code, told = verify(kept, "--head", "4:sha256:" + "0" * 64)

    assert code == 1
    assert "LOG_TRUNCATED" in told


@pytest.mark.parametrize("head", ["3", "x:sha256:0", "3:sha256:zz", ":", "-1:sha256:" + "0" * 64])
def test_audit_verify_refuses_a_head_that_is_none(kept: Path, head: str) -> None:
    assert verify(kept, f"--head={head}")[0] == 2


def test_audit_verify_refuses_a_kept_checkpoint_that_is_not_genuine(
    kept: Path, tmp_path: Path
) -> None:
    for content in ("", "x.y.z\n"):
        (tmp_path / "other").write_text(content)
        assert verify(kept, "--checkpoint", str(tmp_path / "other"))[0] == 2


def test_audit_verify_says_that_there_is_no_database(tmp_path: Path) -> None:
    code, told = verify(tmp_path)

    assert code == 2
    assert "There is no" in told


@pytest.mark.parametrize(
    "options", [["--log", "nothing"], ["--log", "agreements", "--database", "nonsense"]]
)
def test_audit_verify_says_what_it_cannot_read(kept: Path, options: list[str]) -> None:
    told = run(app, ["audit", "verify", "--directory", str(kept), *options])

    assert told.exit_code == 2
    assert not isinstance(told.exception, Exception)


def invoke(*arguments: str):
    return run(app, list(arguments))


def test_a_data_set_is_shown_with_what_is_assumed_in_it() -> None:
    told = invoke("catalogue", "show", "SHMI")

    assert told.exit_code == 0
    assert "coverage: selection" in told.output
    assert "| EXPECTED_RISK | | Expected risk of death | decimal |" in told.output.replace(
        "  ", " "
    )
    assert "| assumed |" in told.output


def test_the_columns_of_a_data_set_are_had_as_csv_and_as_a_table_schema() -> None:
    listed = invoke("catalogue", "show", "GPW", "--version", "1.0", "--csv").output
    schema = json.loads(invoke("catalogue", "show", "ACM", "--table-schema").output)

    assert listed.startswith("name,header,title")
    assert "GMC_NUMBER" in listed
    assert schema["fields"][0]["name"] == "FINANCIAL MONTH"
    assert schema["fields"][0]["constraints"] == {"minimum": 1, "maximum": 12}


def test_a_file_is_checked_before_it_is_sent(tmp_path: Path) -> None:
    """Guard: `validating`: the report is the intake's own, and a value is never told."""
    made = tmp_path / "made"
    asked = ("--rows", "60", "--bad-rows", "2", "--output", str(made))
    invoke("generate", "--data-set", "SHMI", *asked)
    file = made / "shmi.csv"

    told = invoke(
        "catalogue", "validate", "SHMI", str(file), "--period", "2018-04", "--provider", "X26"
    )
    as_week = invoke(
        "catalogue", "validate", "SHMI", str(file), "--period", "2018-W15", "--provider", "X26"
    )
    other = invoke(
        "catalogue", "validate", "ACM", str(file), "--period", "2018-04", "--provider", "X26"
    )

    assert told.exit_code == 1
    assert "60 records: 58 would be taken in, 2 set aside" in told.output
    assert "DISDATE, 1 lines, DATE_INVALID" in told.output
    assert as_week.exit_code == 1
    assert "PERIOD_INVALID" in as_week.output
    assert "DATA_SET_DIFFERS" in other.output


def test_lines_that_are_linked_have_the_number_of_their_group_and_others_say_why() -> None:
    line = {"purpose": "COM", "classification": "PSEUDO_ANONYMISED"}
    linked = {"environment": "analytics", "refusals": []}
    refused = {**linked, "refusals": [{"code": "LINKAGE_NOT_NARROWED", "subject": "SERVICE_CODE"}]}
    found = Linkage.model_validate(
        {
            "agreement": "DARS-NIC-123456-A1B2C",
            "version": "v1.0",
            "is_in_effect": True,
            "linked": [
                {
                    "lines": [
                        {**line, **linked, "number": 1, "data_set": "SUS_APC"},
                        {**line, **refused, "number": 2, "data_set": "DRPLCM"},
                    ],
                    "clauses": [["DRPLCM", "SUS_APC"]],
                }
            ],
            "apart": [
                {**line, "number": 3, "data_set": "SUS_OP", "because": ["OTHER_PURPOSE", "X"]}
            ],
        }
    )

    assert list(rows_of(found)) == [
        (1, "COM", "SUS_APC", "PSEUDO_ANONYMISED", 1, "DRPLCM with SUS_APC", ""),
        (2, "COM", "DRPLCM", "PSEUDO_ANONYMISED", 1, "DRPLCM with SUS_APC", "LINKAGE_NOT_NARROWED"),
        (3, "COM", "SUS_OP", "PSEUDO_ANONYMISED", "no", "OTHER_PURPOSE X", ""),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"scope": [1,\n }', "no JSON at line 2, column 2"),
        ('{"title": "caf\u00e9"}'.encode("latin-1"), "not in UTF-8"),
        (None, "No such file"),
    ],
)
def test_a_body_that_is_none_ends_the_command_and_says_where(tmp_path, capsys, content, said):
    file = tmp_path / "body.json"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(typer.Exit) as end:
        calling.json_of(file)

    assert end.value.exit_code == 2
    assert said in capsys.readouterr().err


def test_a_body_is_read_in_utf_8(tmp_path):
    file = tmp_path / "body.json"
    file.write_text('{"title": "caf\u00e9"}', "utf-8")

    assert calling.json_of(file) == {"title": "caf\u00e9"}
