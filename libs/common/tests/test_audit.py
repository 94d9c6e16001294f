"""S4: the audit log betrays every edit, deletion, reordering, fork and truncation.

design.md section 10. The guards: `audit.tree` (the hashes), `audit.log` (the lock),
`audit.checkpoints` (what is signed), `audit.verification` (what is told).
"""

import hashlib
import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import delete, select, text, update
from sqlmodel import Session
from structlog.testing import capture_logs

from common import audit
from common.audit import verification
from common.audit.checkpoints import path_of
from common.audit.tree import Frontier, leaf_hash, node_hash, paths, read, root_by, written
from common.db import engine as engines
from common.db.tables import audit_frontier, audit_leaf
from common.errors import NotFound
from common.ids import canonical
from common.security import keys
from common.security.jws import NotGenuine
from common.security.keys import Signer, generate_jwk
from common.security.principal import Principal
from common.security.roles import Role

LOG = "dissemination"
AT = datetime(2018, 6, 1, 9, 0, tzinfo=UTC)


def entry(number: int) -> audit.Entry:
    return audit.Entry(
        at=AT,
        action="extract-delivered",
        resource=f"extracts/{number}",
        subject="csu",
        client_id="csu",
        organisation="0DF",
        role="csu-system",
        on_behalf_of="02P",
        detail={"bytes": number},
    )


@pytest.fixture
def append(engine):
    def append(*numbers: int) -> list[audit.Leaf]:
        with Session(engines.writing(engine)) as session, session.begin():
            return [*audit.append(session, [entry(number) for number in numbers])]

    return append


@pytest.fixture(scope="module")
def signer():
    return Signer(generate_jwk())


@pytest.fixture
def sign(engine, signer, tmp_path, clock):
    def sign() -> audit.Checkpoint:
        return audit.checkpoint(
            engine, signer=signer, directory=tmp_path / "outside", log=LOG, clock=clock
        )

    return sign


@pytest.fixture
def judge(engine, signer, tmp_path):
    def judge(**more) -> audit.VerificationReport:
        path = path_of(tmp_path / "outside", LOG)
        return audit.verify(engine, path, signer.jwks(), **more)

    return judge


@pytest.fixture
def tamper(engine):
    """Change the tables behind the service's back."""

    def tamper(*statements) -> None:
        with engines.writing(engine).begin() as connection:
            for statement in statements:
                connection.execute(statement)

    return tamper


def rewrite(engine, entries: dict[int, audit.Entry | None]) -> None:
    """Forge a history that is consistent in itself: entries, hashes and frontier."""
    with Session(engines.writing(engine)) as session, session.begin():
        rows = session.execute(select(audit_leaf).order_by(audit_leaf.c.index)).mappings().all()
        session.execute(delete(audit_leaf))
        frontier = Frontier()
        for row in rows:
            forged = entries.get(row["index"])
            data = (
                row["entry"].encode() if forged is None else canonical(forged.as_json(row["index"]))
            )
            hashed = leaf_hash(data)
            frontier.append(hashed)
            session.execute(
                audit_leaf.insert().values(
                    index=row["index"], entry=data.decode(), hash=written(hashed)
                )
            )
        session.execute(update(audit_frontier).values(nodes=frontier.packed()))


# The tree


def merkle_tree_hash(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    left, right = merkle_tree_hash(leaves[:k]), merkle_tree_hash(leaves[k:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def test_the_head_is_rfc_6962s_at_every_size():
    leaves = [str(n).encode() for n in range(70)]
    frontier = Frontier()
    for size, leaf in enumerate(leaves):
        assert frontier.root() == merkle_tree_hash(leaves[:size])
        frontier.append(leaf_hash(leaf))

    assert frontier.root() == merkle_tree_hash(leaves)


def test_the_known_heads_of_rfc_6962s_test_vectors():
    """The vectors of the certificate-transparency project."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
              "606162636465666768696a6b6c6d6e6f"]  # fmt: skip
    frontier = Frontier()
    for value in inputs:
        frontier.append(leaf_hash(bytes.fromhex(value)))

    assert frontier.root().hex() == (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    )


def test_a_leaf_cannot_pass_for_a_node():
    left, right = leaf_hash(b"a"), leaf_hash(b"b")

    assert leaf_hash(left + right) != node_hash(left, right)


def test_each_leaf_leads_to_the_head_by_its_own_way():
    for many in range(1, 34):
        leaves = [leaf_hash(str(n).encode()) for n in range(many)]
        root, ways = paths(leaves)

        assert root == merkle_tree_hash([str(n).encode() for n in range(many)])
        assert [root_by(leaf, way) for leaf, way in zip(leaves, ways, strict=True)] == [root] * many
        assert all(root_by(leaf_hash(b"another"), way) != root for way in ways)
        assert all(
            root_by(leaf, ways[at - 1]) != root for at, leaf in enumerate(leaves) if many > 1
        )


def test_a_frontier_survives_being_stored():
    frontier = Frontier()
    for n in range(11):
        frontier.append(leaf_hash(bytes([n])))

    again = Frontier.unpacked(frontier.size, frontier.packed())

    assert (again.size, again.root()) == (11, frontier.root())
    with pytest.raises(ValueError, match="nodes"):
        Frontier.unpacked(12, frontier.packed())
    with pytest.raises(ValueError, match="digest"):
        read("sha256:00")


# Appending


def test_each_leaf_knows_where_it_stands(append):
    first, second = append(1, 2)
    (third,) = append(3)

    assert [leaf.index for leaf in (first, second, third)] == [0, 1, 2]
    assert [leaf.size for leaf in (first, second, third)] == [1, 2, 3]
    tree = Frontier()
    for number, leaf in enumerate((first, second, third)):
        tree.append(leaf_hash(canonical(entry(number + 1).as_json(number))))
        assert leaf.root == written(tree.root())


def test_a_batch_makes_the_same_tree_as_one_by_one(append, engine):
    leaves = append(*range(7))
    rebuilt = Frontier()
    for leaf in leaves:
        rebuilt.append(read(leaf.hash))

    assert leaves[-1].root == written(rebuilt.root())
    assert append() == []


def test_nothing_is_appended_when_the_transaction_fails(append, sign, engine, judge):
    append(1)
    sign()
    with Session(engines.writing(engine)) as session:
        audit.append(session, [entry(2)])
        session.rollback()
    (leaf,) = append(3)

    assert leaf.index == 1
    assert judge().is_whole


def test_writers_take_turns(append, sign, judge):
    threads = [
        threading.Thread(target=lambda: [append(n, n + 1) for n in range(10)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    sign()
    report = judge()
    assert report.is_whole
    assert report.leaves == 80


def test_an_entry_says_who_and_in_whose_name():
    principal = Principal(
        subject="s",
        client_id="c",
        organisation="0DF",
        role=Role.CSU_SYSTEM,
        token_id="t",
        expires_at=AT,
        audience=LOG,
    )
    made = audit.entry_for(
        principal, at=AT, action="a", resource="r", on_behalf_of="QF7", detail={"x": 1}
    )

    assert made.as_json(5) == {
        "schema": "dsfc-audit/1",
        "index": 5,
        "at": "2018-06-01T09:00:00+00:00",
        "action": "a",
        "resource": "r",
        "subject": "s",
        "client_id": "c",
        "organisation": "0DF",
        "role": "csu-system",
        "on_behalf_of": "QF7",
        "decision_id": None,
        "detail": {"x": 1},
    }


# Checkpoints


def test_a_checkpoint_is_a_signed_line_that_names_the_one_before(append, sign, tmp_path, judge):
    append(1, 2)
    first = sign()
    append(3)
    second = sign()

    assert path_of(tmp_path / "outside", LOG).read_text().splitlines() == [first.line, second.line]
    assert (first.number, first.size, second.number, second.size) == (0, 2, 1, 3)
    assert second.previous == f"sha256:{hashlib.sha256(first.line.encode()).hexdigest()}"
    assert judge().checkpoints == 2


def test_a_log_that_has_not_moved_is_not_signed_again(append, sign):
    append(1)

    assert sign() == sign()


def test_what_a_crash_left_of_a_line_is_cut_off(append, sign, tmp_path, judge):
    append(1)
    first = sign()
    path = path_of(tmp_path / "outside", LOG)
    with path.open("a") as file:
        file.write("eyJhbGciOiJFUzI1NiIs")
    assert judge().is_whole
    assert any("half line" in what for what in judge().unchecked)

    append(2)
    second = sign()

    assert path.read_text().splitlines() == [first.line, second.line]
    assert judge().is_whole


def test_checkpoints_signed_at_once_follow_one_another(append, sign, judge):
    append(0)

    def work() -> None:
        for n in range(5):
            append(n)
            sign()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    report = judge()
    assert report.is_whole
    assert report.signed_size == 16


@pytest.mark.parametrize("tampered", ["truncated", "forked", "missing", "hash"])
def test_a_service_never_signs_a_second_history(append, sign, engine, tamper, tampered):
    """Guard: `checkpoints._extended`."""
    append(*range(5))
    sign()
    append(5, 6)
    if tampered == "truncated":
        frontier = Frontier()
        frontier.append(leaf_hash(b""))
        tamper(
            delete(audit_leaf).where(audit_leaf.c.index > 0),
            update(audit_frontier).values(size=1, nodes=frontier.packed()),
        )
    elif tampered == "forked":
        rewrite(engine, {2: entry(99)})
    elif tampered == "missing":
        tamper(delete(audit_leaf).where(audit_leaf.c.index == 5))
    else:
        tamper(update(audit_leaf).where(audit_leaf.c.index == 6).values(hash="sha256:"))

    with pytest.raises(audit.AuditLogBroken):
        sign()


@pytest.mark.parametrize("put_back", ["shorter", "another", "empty"])
def test_a_log_that_was_put_back_is_seen_before_anything_is_served(
    append, sign, engine, tmp_path, tamper, put_back
):
    """Guard: `ensure_extends`, which reads two heads and no leaf."""
    ensure = partial(audit.ensure_extends, engine, directory=tmp_path / "outside", log_name=LOG)
    ensure()  # nothing was signed yet
    append(*range(3))
    sign()
    ensure()
    append(3)
    ensure()
    frontier = Frontier()
    for leaf in {"shorter": range(2), "another": range(7, 10), "empty": ()}[put_back]:
        frontier.append(leaf_hash(str(leaf).encode()))
    tamper(update(audit_frontier).values(size=frontier.size, nodes=frontier.packed()))

    with pytest.raises(audit.AuditLogBroken):
        ensure()


def test_half_a_line_and_a_line_that_is_none_are_told_apart(append, sign, engine, tmp_path):
    append(1)
    sign()
    path = path_of(tmp_path / "outside", LOG)
    with path.open("a") as file:
        file.write("eyJhbGci")
    audit.ensure_extends(engine, directory=tmp_path / "outside", log_name=LOG)
    path.write_text("no checkpoint\n")

    with pytest.raises(audit.AuditLogBroken):
        audit.ensure_extends(engine, directory=tmp_path / "outside", log_name=LOG)


def test_a_log_with_leaves_and_no_checkpoint_is_told_to_the_operator(append, sign):
    append(*range(3))
    with capture_logs() as told:
        sign()
        append(3)
        sign()

    assert [(t["event"], t["log_level"]) for t in told] == [
        ("audit_checkpoints_missing", "critical")
    ]


def test_a_forged_last_line_is_not_built_upon(append, sign, tmp_path):
    append(1)
    sign()
    path = path_of(tmp_path / "outside", LOG)
    head, payload, signature = path.read_text().strip().split(".")
    path.write_text(f"{head}.{payload}.{signature[:-4]}AAAA\n")
    append(2)

    with pytest.raises(audit.AuditLogBroken):
        sign()


def test_a_new_key_goes_on_where_the_old_one_ended(append, sign, engine, signer, tmp_path, clock):
    append(1)
    sign()
    append(2)
    new = Signer(generate_jwk())
    audit.checkpoint(engine, signer=new, directory=tmp_path / "outside", log=LOG, clock=clock)
    both = {"keys": [*signer.jwks()["keys"], *new.jwks()["keys"]]}
    path = path_of(tmp_path / "outside", LOG)

    assert audit.verify(engine, path, both).is_whole
    assert not audit.verify(engine, path, signer.jwks()).is_whole


def test_the_worker_signs_when_it_starts_and_when_it_stops(append, engine, signer, tmp_path, clock):
    append(1)
    worker = audit.CheckpointWorker(
        engine, signer=signer, directory=tmp_path / "outside", log=LOG, clock=clock
    )
    path = path_of(tmp_path / "outside", LOG)
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 30
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < deadline
    append(2)
    stop.set()
    thread.join(30)

    assert len(path.read_text().splitlines()) == 2


def test_the_worker_goes_on_when_the_log_is_broken_or_away(append, engine, signer, tmp_path, clock):
    worker = audit.CheckpointWorker(
        engine, signer=signer, directory=tmp_path / "file", log=LOG, clock=clock
    )
    (tmp_path / "file").touch()  # not a directory: it cannot be written to
    worker.once()
    append(1)
    with engines.writing(engine).begin() as connection:
        connection.execute(text("DELETE FROM audit_leaf"))
    broken = audit.CheckpointWorker(
        engine, signer=signer, directory=tmp_path / "outside", log=LOG, clock=clock
    )
    broken.once()

    assert path_of(tmp_path / "outside", LOG).read_text() == ""


# Judging


def test_a_whole_log_is_whole(append, sign, judge):
    append(*range(20))
    sign()
    (last,) = append(20)

    report = judge()

    assert report.is_whole
    assert report.first is None
    assert (report.leaves, report.signed_size, report.root) == (21, 20, last.root)
    assert report.as_json()["whole"] is True


def test_an_empty_log_is_whole(judge):
    assert judge().is_whole


@pytest.mark.parametrize("index", [0, 3, 9])
def test_an_edit_is_named(append, sign, judge, tamper, index):
    append(*range(10))
    sign()
    forged = canonical(entry(99).as_json(index)).decode()
    tamper(update(audit_leaf).where(audit_leaf.c.index == index).values(entry=forged))

    report = judge()

    assert report.first is not None
    assert (report.first.kind, report.first.index) == (audit.FindingKind.EDITED, index)
    assert len(report.findings) == 1


def test_an_edit_with_its_hash_is_named_before_any_checkpoint(append, judge, tamper):
    append(*range(10))
    forged = canonical(entry(99).as_json(4))
    tamper(
        update(audit_leaf)
        .where(audit_leaf.c.index == 4)
        .values(entry=forged.decode(), hash=written(leaf_hash(forged)))
    )

    assert judge().first.kind == audit.FindingKind.FRONTIER


@pytest.mark.parametrize("index", [0, 4, 9])
def test_a_deletion_is_named(append, sign, judge, tamper, index):
    append(*range(10))
    sign()
    tamper(delete(audit_leaf).where(audit_leaf.c.index == index))

    report = judge()

    expected = audit.FindingKind.TRUNCATED if index == 9 else audit.FindingKind.DELETED
    assert (report.first.kind, report.first.index) == (expected, index)


def test_a_deletion_with_renumbering_is_named(append, sign, judge, tamper):
    append(*range(10))
    sign()
    tamper(
        delete(audit_leaf).where(audit_leaf.c.index == 4),
        *(
            update(audit_leaf).where(audit_leaf.c.index == n).values(index=n - 1)
            for n in range(5, 10)
        ),
    )

    report = judge()

    assert (report.first.kind, report.first.index) == (audit.FindingKind.REORDERED, 4)
    assert audit.FindingKind.TRUNCATED in {finding.kind for finding in report.findings}


def test_a_reordering_is_named(append, sign, judge, tamper):
    append(*range(10))
    sign()
    tamper(
        *(
            update(audit_leaf).where(audit_leaf.c.index == old).values(index=new)
            for old, new in ((2, 100), (7, 2), (100, 7))
        )
    )

    report = judge()

    assert (report.first.kind, report.first.index) == (audit.FindingKind.REORDERED, 2)
    assert [finding.index for finding in report.findings] == [2, 7]


def test_a_fork_is_named_with_the_checkpoints_between_which_it_lies(append, sign, judge, engine):
    """Guard: the comparison with signed heads in `verification._pass_heads`."""
    append(*range(5))
    sign()
    append(*range(5, 9))
    sign()
    rewrite(engine, {6: entry(99)})

    report = judge()

    assert [finding.kind for finding in report.findings] == [audit.FindingKind.FORKED]
    assert report.first.index == 5
    assert "5 to 8" in report.first.detail


@pytest.mark.parametrize("frontier_too", [True, False])
def test_a_truncation_before_the_last_checkpoint_is_named(
    append, sign, judge, tamper, engine, frontier_too
):
    append(*range(10))
    sign()
    tamper(delete(audit_leaf).where(audit_leaf.c.index >= 7))
    if frontier_too:
        tamper(update(audit_frontier).values(size=7))
        rewrite(engine, {})

    report = judge()

    assert (report.first.kind, report.first.index) == (audit.FindingKind.TRUNCATED, 7)


def test_a_log_that_was_emptied_is_named(append, sign, judge, tamper):
    append(*range(3))
    sign()
    tamper(delete(audit_leaf), delete(audit_frontier))

    assert judge().first.kind == audit.FindingKind.TRUNCATED


def test_a_manifests_head_shows_a_fork_that_no_checkpoint_covers(append, sign, judge, engine):
    append(0)
    sign()
    leaves = [None, *append(*range(1, 5))]
    head = audit.Head(leaves[3].size, leaves[3].root, "manifest of file x")
    assert judge(heads=[head]).is_whole

    rewrite(engine, {2: entry(99)})

    report = judge(heads=[head])
    assert report.first.kind == audit.FindingKind.FORKED
    assert "manifest of file x" in report.first.detail


def test_a_checkpoint_that_was_taken_out_or_moved_is_named(append, sign, judge, tmp_path):
    for n in range(4):
        append(n)
        sign()
    path = path_of(tmp_path / "outside", LOG)
    lines = path.read_text().splitlines(keepends=True)

    for forged in ([lines[0], *lines[2:]], [lines[1], lines[0], *lines[2:]], lines[1:]):
        path.write_text("".join(forged))
        assert {finding.kind for finding in judge().findings} == {audit.FindingKind.CHECKPOINT}


def test_a_checkpoint_of_another_log_or_key_is_not_genuine(append, engine, sign, judge, tmp_path):
    append(1)
    sign()
    path = path_of(tmp_path / "outside", LOG)

    stranger = audit.verify(engine, path, Signer(generate_jwk()).jwks())
    other = judge(log="agreements")

    assert stranger.first.kind == audit.FindingKind.CHECKPOINT
    assert other.first.kind == audit.FindingKind.CHECKPOINT


def test_it_works_offline_on_a_copy_of_the_database(append, sign, signer, tmp_path, installed_url):
    append(1, 2)
    sign()

    report = audit.verify(installed_url, path_of(tmp_path / "outside", LOG), signer.jwks())

    assert report.is_whole
    assert report.leaves == 2


def test_a_database_that_is_not_there_is_not_found_whole(tmp_path, signer):
    url = f"sqlite:///{tmp_path / 'none.db'}"

    with pytest.raises(NotFound):
        audit.verify(url, tmp_path / "x.checkpoints", signer.jwks())

    assert not (tmp_path / "none.db").exists()


def test_many_findings_are_cut_short(append, judge, tamper, monkeypatch):
    monkeypatch.setattr(verification, "FINDINGS_MAX", 3)
    append(*range(10))
    tamper(update(audit_leaf).values(entry="{}"))

    assert len(judge().findings) == 3


def test_leaves_are_read_in_portions(append, sign, judge, monkeypatch):
    monkeypatch.setattr(verification, "LEAVES_A_READ", 3)
    append(*range(10))
    sign()

    assert judge().is_whole


def test_what_is_not_an_entry_is_named(append, judge, tamper):
    append(1)
    broken = json.dumps(["not", "an", "entry"])
    tamper(update(audit_leaf).values(entry=broken, hash=written(leaf_hash(broken.encode()))))

    assert judge().first.kind == audit.FindingKind.EDITED


# What was slipped in


@pytest.mark.parametrize("index", [-1, -7])
def test_a_leaf_before_the_first_is_named(append, sign, judge, tamper, index):
    append(*range(5))
    sign()
    forged = canonical(entry(99).as_json(index))
    tamper(
        audit_leaf.insert().values(
            index=index, entry=forged.decode(), hash=written(leaf_hash(forged))
        )
    )

    report = judge()

    assert [(f.kind, f.index) for f in report.findings] == [(audit.FindingKind.INSERTED, 0)]
    assert report.leaves == 5


def test_leaves_behind_the_last_are_named(append, sign, judge, tamper):
    append(*range(5))
    sign()
    forged = canonical(entry(99).as_json(5))
    tamper(
        audit_leaf.insert().values(index=5, entry=forged.decode(), hash=written(leaf_hash(forged)))
    )

    assert [(f.kind, f.index) for f in judge().findings] == [(audit.FindingKind.INSERTED, 5)]


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize(
    ("index", "kinds"),
    [("x'05'", {"LEAF_INSERTED"}), ("'five'", {"LEAF_INSERTED"}), ("1.5", {"LEAF_INSERTED"})],
)
def test_a_leaf_whose_index_is_no_number_is_named(append, sign, judge, tamper, index, kinds):
    append(*range(5))
    sign()
    tamper(text(f"INSERT INTO audit_leaf (\"index\", entry, hash) VALUES ({index}, '{{}}', 'x')"))

    assert {str(f.kind) for f in judge().findings} == kinds


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_two_leaves_of_one_index_are_named(append, sign, judge, tamper):
    append(*range(5))
    sign()
    tamper(
        text("CREATE TABLE other AS SELECT * FROM audit_leaf"),
        text('INSERT INTO other SELECT * FROM audit_leaf WHERE "index" = 3'),
        text("DROP TABLE audit_leaf"),
        text("ALTER TABLE other RENAME TO audit_leaf"),
    )

    assert audit.FindingKind.INSERTED in {f.kind for f in judge().findings}


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_an_entry_that_is_bytes_or_nothing_is_named(append, sign, judge, tamper):
    append(*range(3))
    sign()
    tamper(text('UPDATE audit_leaf SET entry = CAST(entry AS BLOB) WHERE "index" = 1'))

    assert (judge().first.kind, judge().first.index) == (audit.FindingKind.EDITED, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.replace('"role":', '"role":"auditor","role":'),
        lambda e: e.replace(":", ": ", 1),
        lambda e: e[:-1] + ',"more":1}',
        lambda e: e.replace(',"subject":"csu"', ""),
        lambda e: e.replace("T09:00:00+00:00", ""),
    ],
    ids=["a name twice", "spaces", "a name more", "a name less", "no instant"],
)
def test_an_entry_that_two_might_read_differently_is_named(append, sign, judge, tamper, change):
    append(*range(3))
    sign()
    (leaf,) = append(3)
    data = change(canonical(entry(3).as_json(leaf.index)).decode())
    tamper(
        update(audit_leaf)
        .where(audit_leaf.c.index == 3)
        .values(entry=data, hash=written(leaf_hash(data.encode())))
    )

    assert (judge().first.kind, judge().first.index) == (audit.FindingKind.EDITED, 3)


@pytest.mark.parametrize("nodes", [b"", b"x", b"x" * 32, b"x" * 64])
def test_a_frontier_that_is_none_is_named(append, sign, judge, tamper, nodes):
    append(*range(3))
    sign()
    tamper(update(audit_frontier).values(nodes=nodes))

    assert [f.kind for f in judge().findings] == [audit.FindingKind.FRONTIER]


def test_a_leaf_that_goes_back_in_time_is_named(engine, sign, judge):
    with Session(engines.writing(engine)) as session, session.begin():
        dated = [AT, AT - timedelta(minutes=1), AT - timedelta(days=1), AT]
        audit.append(session, [replace(entry(n), at=at) for n, at in enumerate(dated)])
    sign()

    assert [(f.kind, f.index) for f in judge().findings] == [(audit.FindingKind.TIME, 2)]


# Checkpoints that are missing


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_a_log_without_checkpoints_is_not_whole(append, sign, judge, tmp_path, how):
    append(*range(3))
    sign()
    path = path_of(tmp_path / "outside", LOG)
    path.unlink() if how == "deleted" else path.write_text("")

    assert [f.kind for f in judge().findings] == [audit.FindingKind.MISSING]


@pytest.mark.parametrize("cut", [1, 20, 400])
def test_a_file_of_checkpoints_that_was_cut_in_a_line_is_named(append, sign, judge, tmp_path, cut):
    for n in range(2):
        append(n)
        sign()
    path = path_of(tmp_path / "outside", LOG)
    path.write_text(path.read_text()[:-cut])

    assert [(f.kind, f.index) for f in judge().findings] == [(audit.FindingKind.MISSING, 1)]


def test_checkpoints_that_were_cut_at_the_end_of_a_line_are_missed_after_a_while(
    engine, sign, judge, tmp_path
):
    for minutes in (0, 10, 20, 30):
        with Session(engines.writing(engine)) as session, session.begin():
            audit.append(session, [replace(entry(1), at=AT + timedelta(minutes=minutes))])
        sign()
    path = path_of(tmp_path / "outside", LOG)
    lines = path.read_text().splitlines(keepends=True)
    assert judge().is_whole

    path.write_text("".join(lines[:3]))
    assert judge().is_whole  # nobody can know: one leaf may wait for its checkpoint
    assert any("leaves 3 to 3" in what for what in judge().unchecked)

    path.write_text("".join(lines[:1]))
    assert [(f.kind, f.index) for f in judge().findings] == [(audit.FindingKind.MISSING, 1)]


# What somebody else kept


@pytest.fixture
def rolled_back(append, sign, engine, tmp_path):
    """A log that was put back together with its checkpoints, and what was kept of the later one."""
    append(*range(5))
    first = sign()
    (leaf,) = append(5)
    second = sign()
    with Session(engines.writing(engine)) as session, session.begin():
        session.execute(delete(audit_leaf).where(audit_leaf.c.index >= 5))
        frontier = first.frontier()
        session.execute(update(audit_frontier).values(size=frontier.size, nodes=frontier.packed()))
    path = path_of(tmp_path / "outside", LOG)
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    return second, leaf


def kept(checkpoint, signer, log=LOG):
    return audit.kept_checkpoints(
        checkpoint.line + "\n", signer.jwks(), log=log, source="a friend's"
    )


def test_a_rollback_of_everything_cannot_be_seen_alone_and_that_is_said(rolled_back, judge):
    report = judge()

    assert report.is_whole
    assert any("put back" in what for what in report.unchecked)
    assert report.as_json()["unchecked"] == list(report.unchecked)


def test_a_kept_checkpoint_shows_a_rollback_of_everything(rolled_back, judge, signer):
    second, _ = rolled_back

    report = judge(heads=kept(second, signer))

    assert {f.kind for f in report.findings} == {
        audit.FindingKind.TRUNCATED,
        audit.FindingKind.MISSING,
    }
    assert report.kept == 1


def test_a_kept_manifest_shows_a_rollback_of_everything(rolled_back, judge, signer, clock):
    _, leaf = rolled_back
    head = {"log": LOG, "index": leaf.index, "size": leaf.size, "root": leaf.root}
    manifest = keys.issue(signer, keys.MANIFEST, {"audit": head}, at=clock.now())

    found = audit.kept_manifest(manifest, signer.jwks(), log=LOG, source="of file x", clock=clock)
    other = audit.kept_manifest(manifest, signer.jwks(), log="agreements", source="", clock=clock)

    assert [f.kind for f in judge(heads=[found]).findings] == [audit.FindingKind.TRUNCATED]
    assert other is None


@pytest.mark.parametrize("claims", [{}, {"audit": 1}, {"audit": {"log": LOG, "size": 3}}])
def test_a_manifest_without_a_head_is_refused(signer, clock, claims):
    manifest = keys.issue(signer, keys.MANIFEST, claims, at=clock.now())

    with pytest.raises(NotGenuine):
        audit.kept_manifest(manifest, signer.jwks(), log=LOG, source="x", clock=clock)


def test_a_kept_checkpoint_of_somebody_else_is_refused(append, sign, signer):
    append(1)
    stranger = Signer(generate_jwk())

    with pytest.raises(NotGenuine):
        kept(sign(), stranger)
    with pytest.raises(NotGenuine):
        kept(sign(), signer, log="agreements")


def test_a_fork_since_a_kept_checkpoint_is_named_though_all_was_signed_anew(
    append, sign, judge, engine, signer, tmp_path
):
    append(*range(5))
    theirs = kept(sign(), signer)
    path_of(tmp_path / "outside", LOG).unlink()
    rewrite(engine, {2: entry(99)})
    sign()
    assert judge().is_whole

    assert {f.kind for f in judge(heads=theirs).findings} == {
        audit.FindingKind.FORKED,
        audit.FindingKind.MISSING,
    }


def test_what_follows_the_kept_head_is_said_to_be_unchecked(append, sign, judge, signer):
    append(*range(3))
    first = sign()
    append(3)
    sign()

    report = judge(heads=kept(first, signer))

    assert report.is_whole
    assert any("followed leaf 2" in what for what in report.unchecked)
    assert not judge(heads=kept(sign(), signer)).unchecked


# What auditors find leaves by


@pytest.fixture
def beside(engine, append, sign):
    """A table as dissemination has it."""
    with engines.writing(engine).begin() as connection:
        connection.execute(
            text("CREATE TABLE audit_subject (agreement VARCHAR, leaf_index BIGINT)")
        )
    with Session(engines.writing(engine)) as session, session.begin():
        audit.append(
            session, [replace(entry(n), detail={"agreement": f"A{n % 2}"}) for n in range(5)]
        )
        for n in range(5):
            session.execute(
                text("INSERT INTO audit_subject VALUES (:a, :n)"), {"a": f"A{n % 2}", "n": n}
            )
    sign()


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("DELETE FROM audit_subject", 0),
        ("DELETE FROM audit_subject WHERE leaf_index = 3", 3),
        ("UPDATE audit_subject SET agreement = 'A0' WHERE leaf_index = 3", 3),
        ("UPDATE audit_subject SET leaf_index = 2 WHERE leaf_index = 3", 2),
        ("INSERT INTO audit_subject VALUES ('A0', 1)", 1),
        ("INSERT INTO audit_subject VALUES ('A0', -1)", 0),
        ("INSERT INTO audit_subject VALUES ('A0', 77)", 0),
    ],
)
def test_the_index_that_auditors_read_by_is_held_against_the_tree(
    beside, judge, tamper, statement, index
):
    assert judge().is_whole
    tamper(text(statement))

    report = judge()

    assert {f.kind for f in report.findings} == {audit.FindingKind.INDEX}
    assert report.first.index == index


def test_who_reads_an_older_snapshot_does_not_find_the_log_broken(engine, append):
    append(1)
    reader = audit.LogReader(log_name=LOG, words=[""], note=lambda _: None)
    with Session(engines.reading(engine)) as older:
        older.execute(select(audit_leaf.c.index)).all()  # the snapshot is from now
        append(2)
        with Session(engines.reading(engine)) as newer:
            assert reader.catch_up(newer)
        assert reader.catch_up(older)
        append(3)
        assert reader.catch_up(older)
    with Session(engines.reading(engine)) as newest:
        assert reader.catch_up(newest)
    assert reader.read_to == 3


def test_a_checkpoint_over_leaves_that_came_after_a_snapshot_is_no_gap(
    engine, append, sign, tmp_path
):
    append(1)
    sign()
    reader = audit.LogReader(
        log_name=LOG, words=[""], note=lambda _: None, checkpoints=tmp_path / "outside"
    )
    with Session(engines.reading(engine)) as first, Session(engines.reading(engine)) as second:
        for session in (first, second):
            session.execute(select(audit_leaf.c.index)).all()  # the snapshot is from now
        append(2)
        sign()
        assert reader.catch_up(first)  # and looks at the newest checkpoint
        assert reader.catch_up(second)
    with Session(engines.writing(engine)) as session, session.begin():
        session.execute(delete(audit_leaf).where(audit_leaf.c.index == 1))
    with Session(engines.reading(engine)) as cut:
        assert not reader.catch_up(cut)
