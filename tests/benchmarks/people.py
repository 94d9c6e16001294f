"""People: led back by their tokens, and asked about in a national check.

`people led back`: 100,000 tokens of one line, against a list of who is registered where.

The list is read as it comes, and lies sealed; tokens are those of the haven's own code. The floor
is what any way has to do: the same engine with the same limits reads numbers and practices from a
plain file, and joins the numbers that are asked for. Led back is all of it: tokens to numbers,
numbers to people, the sealed list, and what is said of each token.

`national check`: the reply to a check about everybody comes in, is sealed, and is held against the
request. The floor: the same engine with the same limits reads the reply and the request as plain
files and joins them.
"""

import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from common.ids import new_id
from common.replacement import Change, ReplacementStatus, State
from dsfc_cli.demo.material import SEED
from dsfc_cli.synthetic import World
from pseudonymisation.engine.blocks import Cipher, views_of, words_of
from pseudonymisation.engine.sealing import PERSON
from pseudonymisation.engine.session import literal, session
from pseudonymisation.engine.tokens import Kind, Retokeniser
from pseudonymisation.intake.adapters.intake import SealedHaven
from pseudonymisation.intake.domain.opt_out_check import OptOutCheck
from pseudonymisation.people.adapters.sealed_people import SealedPeople
from pseudonymisation.people.domain.registration import RegistrationList
from pseudonymisation.people.domain.reidentification import LedBack
from pseudonymisation.preparations.domain.tokens import PseudonymDomain
from statements.permit import DomainFacts
from tests.benchmarks.measure import Result, turns
from tests.benchmarks.plane import LIMITS, Bench

PEOPLE: Final = 900_000
"""As many as the synthetic world has; the issue asks for a million."""
TOKENS: Final = 100_000
PRACTICES: Final = tuple(f"P{number:05}" for number in range(100))
ROUNDS: Final = 5
CHUNK_BYTES: Final = 1 << 20
AT: Final = datetime(2019, 5, 1, tzinfo=UTC)


def run(scale: float, scratch: Path) -> list[Result]:
    numbers = World.create(people=max(1000, int(PEOPLE * scale)), seed=SEED).nhs_numbers
    people = pa.array(numbers, pa.string())
    return [
        led_back(Bench.create(scratch / "haven"), people, scale),
        checked(Bench.create(scratch / "check"), people),
    ]


def led_back(bench: Bench, numbers: pa.Array, scale: float) -> Result:
    practices = pa.array([PRACTICES[place % len(PRACTICES)] for place in range(len(numbers))])
    haven = SealedPeople(
        objects=bench.objects,
        keys=bench.keys,
        scratch=bench.directory / "scratch",
        limits=LIMITS,
    )
    listed = received(haven, numbers, practices)
    domain = opened(bench)
    asked = numbers.take(pa.array(np.arange(0, len(numbers), 9)[: max(100, int(TOKENS * scale))]))
    tokens = tokens_of(bench, domain, asked)
    plain, wanted = bench.directory / "plain.parquet", pa.table({"number": asked})
    pq.write_table(pa.table({"number": numbers, "practice": practices}), plain)
    found: dict[str, int] = {}

    def contender() -> None:
        answers = haven.lead_back(tokens, domain, lists=[listed], practice=PRACTICES[:50])
        found["led back"] = sum(map(_is_told, answers))

    def floor() -> None:
        codes = ", ".join(map(literal, PRACTICES[:50]))
        with session(
            directories=[plain.parent], temp_directory=haven.scratch, keys={}, limits=LIMITS
        ) as connection:
            connection.register("wanted", wanted)
            rows = connection.execute(
                f"SELECT number, practice FROM wanted JOIN read_parquet({literal(plain)})"
                f" USING (number) WHERE practice IN ({codes})"
            ).fetchall()
        found["joined"] = len(rows)

    taken = turns(contender, floor, rounds=ROUNDS)
    assert found["led back"] == found["joined"] > 0, found
    return Result(
        name="people led back",
        ratio=taken.ratio,
        goal=None,
        better="lower",
        told=f"{len(tokens):,} tokens against a list of {len(numbers):,}:"
        f" {statistics.median(taken.contender):.2f} s, plain join"
        f" {statistics.median(taken.floor):.2f} s; {taken.spread};"
        f" {taken.cpu_ratio:.2f} of its CPU",
    )


def checked(bench: Bench, numbers: pa.Array) -> Result:
    """Take the reply to a check about all of them; one in twenty objected."""
    haven = SealedHaven(
        objects=bench.objects,
        keys=bench.keys,
        scratch=bench.directory / "scratch",
        limits=LIMITS,
        quarantine_entries_max=0,
    )
    asked = haven.opt_outs(new_id())  # a list of people is what a request is, as it lies
    asked.take("".join(f"{number}\n" for number in numbers.to_pylist()).encode("ascii"))
    check = OptOutCheck(
        id=asked.list_id,
        data_set="SUS_APC",
        periods=("2018-04",),
        purpose="RS",
        editions=(),
        people=asked.finish().people,
        object_key=asked.key,
        opened_at=AT,
        opened_by="measured",
    )
    cleared = numbers.filter(pa.array(np.arange(len(numbers)) % 20 != 0))
    content = "".join(f"{number},\n" for number in cleared.to_pylist()).encode("ascii")
    reply, request = bench.directory / "reply.dat", bench.directory / "request.parquet"
    reply.write_bytes(content)
    pq.write_table(pa.table({"number": numbers}), request)
    found: dict[str, tuple[int, int]] = {}

    def contender() -> None:
        coming = haven.cleared(new_id())
        for at in range(0, len(content), CHUNK_BYTES):
            coming.take(content[at : at + CHUNK_BYTES])
        people = coming.finish().people
        found["checked"] = people, haven.not_asked(check, coming.list_id, coming.key)
        coming.abandon()

    def floor() -> None:
        with session(
            directories=[request.parent], temp_directory=haven.scratch, keys={}, limits=LIMITS
        ) as connection:
            replied = (
                f"(SELECT DISTINCT number FROM read_csv({literal(reply)}, header = false,"
                " columns = {'number': 'VARCHAR', 'rest': 'VARCHAR'}))"
            )
            row = connection.execute(
                f"SELECT count(*), count(*) FILTER (q.number IS NULL) FROM {replied} AS r"
                f" LEFT JOIN read_parquet({literal(request)}) AS q USING (number)"
            ).fetchone()
        assert row is not None
        found["joined"] = int(row[0]), int(row[1])

    taken = turns(contender, floor, rounds=ROUNDS)
    assert found["checked"] == found["joined"] == (len(cleared), 0), found
    return Result(
        name="national check",
        ratio=taken.ratio,
        goal=None,
        better="lower",
        told=f"a reply of {len(cleared):,} against {len(numbers):,} asked about:"
        f" {statistics.median(taken.contender):.2f} s, plain join"
        f" {statistics.median(taken.floor):.2f} s; {taken.spread};"
        f" {taken.cpu_ratio:.2f} of its CPU",
    )


def _is_told(one: LedBack) -> bool:
    return one.number is not None


def received(haven: SealedPeople, numbers: pa.Array, practices: pa.Array) -> RegistrationList:
    """Receive a list as the service does, and say of it what the service keeps."""
    list_id = new_id()
    content = haven.registrations(list_id)
    lines = zip(numbers.to_pylist(), practices.to_pylist(), strict=True)
    text = "".join(f"{number},{practice}\n" for number, practice in lines).encode("ascii")
    for at in range(0, len(text), CHUNK_BYTES):
        content.take(text[at : at + CHUNK_BYTES])
    came = content.finish()
    return RegistrationList(
        id=list_id,
        list_date=AT.date(),
        people=came.people,
        digest=came.digest,
        object_key=content.key,
        imported_at=AT,
        imported_by="measured",
        standing=ReplacementStatus(
            state=State.ACCEPTED,
            change=Change(before=0, after=came.people, added=came.people, removed=0),
            proposed_by="measured",
            proposed_at=AT,
        ),
    )


def opened(bench: Bench) -> PseudonymDomain:
    """Open the domain of one line, with a key of its own."""
    facts = DomainFacts.of(
        controllers=("02P",),
        agreement="DARS-NIC-12345-A1B2C",
        purpose="DIRECT_CARE",
        environment=str(new_id()),
        opt_out="not_applied",
        data_sets=("SUS_APC",),
    )
    domain = PseudonymDomain(id=facts.id, facts=facts, environment=facts.environment, created_at=AT)
    bench.keys.ensure(domain.key_name)
    return domain


def tokens_of(bench: Bench, domain: PseudonymDomain, numbers: pa.Array) -> list[str]:
    """Make the tokens that an extract of that line has of these people."""
    person_key = bench.keys.get(PERSON)
    retokeniser = Retokeniser(
        kind=Kind.NUMBER,
        domain_key=bench.keys.get(domain.key_name),
        domain_id=domain.id,
        haven_key=person_key,
    )
    sealed = Cipher(person_key).encrypt(views_of(numbers.cast(pa.string_view())))
    tokens: list[str] = retokeniser.text(*words_of(sealed)).to_pylist()
    return tokens
