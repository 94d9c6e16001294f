"""A haven's keys and two custodians, without the haven or with the haven's commands."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta

from typer.testing import CliRunner

from common.files import write_private
from common.security.keys import Signer, generate_jwk, thumbprint
from pseudonymisation import cli
from pseudonymisation.engine.custody.backups import Backups, KeyPart
from pseudonymisation.engine.custody.ceremony import Ceremony
from pseudonymisation.engine.custody.ledger import Ledger
from pseudonymisation.engine.custody.orders import Action, Order
from pseudonymisation.engine.keystore import FileWrapping, KeyStore, generate_key_encryption_key

KEEP = timedelta(days=90)
TODAY = date(2026, 11, 28)
DIED, FAILED = 9, 8


class Place:
    """A haven's keys: the store and its wrapping, and on another disk ledger and backups."""

    def __init__(self, root):
        self.root, self.keys, self.apart = root, root / "keys", root / "apart"
        self.kek = root / "kek"
        root.mkdir(exist_ok=True)
        for directory in (self.keys, self.apart):
            directory.mkdir()
        generate_key_encryption_key(self.kek)
        self.today = TODAY
        self.ledger = Ledger(self.apart)
        self.backups = Backups(self.apart, keep=KEEP)
        self.store = KeyStore(
            self.keys, FileWrapping(self.kek), ledger=self.ledger, is_by_order=True
        )

    def ceremony(self, parts=()):
        return Ceremony(
            store=self.store,
            backups=self.backups,
            ledger=self.ledger,
            key_encryption_key_file=self.kek,
            today=self.today,
            custodians=["alice", "bob"],
            parts=list(parts),
        )

    def do(self, action, subject="new", *, parts=(), preview=False, **given):
        """Carry out an order; `given` is what the ceremony has besides."""
        ceremony = replace(self.ceremony(parts), **given)
        return ceremony.carry_out(Order.new(action, subject, "for a test"), preview=preview)

    def begin(self, month="2026-11"):
        """Begin a month's backups; return the parts that the custodians took."""
        taken = []
        self.do(Action.BEGIN_BACKUPS, month, deliver=taken.append)
        return taken

    def keep(self, part):
        """Keep a part as a custodian would, for a process that does not live to say it."""
        write_private(self.root / f"{part.custodian}.part", part.written())

    def kept(self):
        return [KeyPart.read(path) for path in self.root.glob("*.part")]

    def killed_at(self, count, action, subject="new", **given):
        """Carry out an order in a process that dies at a write to the disk; whether it did."""
        child = os.fork()
        if child == 0:
            real, reached = os.fsync, 0

            def counted(descriptor):
                nonlocal reached
                reached += 1
                if reached > count:
                    os._exit(DIED)
                real(descriptor)

            os.fsync = counted
            try:
                self.do(action, subject, deliver=self.keep, **given)
            except BaseException:  # noqa: BLE001 - the process is not that of the tests
                os._exit(FAILED)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in {0, DIED}
        return code == DIED

    def lose(self):
        """The disk of the key store is another one, and empty."""
        shutil.rmtree(self.keys)
        self.keys.mkdir()


def people_of(root):
    """Return signers and the file of custodians: two of them and a stranger; Alice has two keys."""
    jwks = {name: generate_jwk() for name in ("alice", "alice-2", "bob", "stranger")}
    for name, jwk in jwks.items():
        (root / f"{name}.jwk").write_text(json.dumps(jwk))
    file = root / "custodians.json"
    public = [
        {"name": name.removesuffix("-2"), "kid": thumbprint(jwk)}
        | {member: jwk[member] for member in ("kty", "crv", "x", "y")}
        for name, jwk in jwks.items()
        if name != "stranger"
    ]
    file.write_text(json.dumps({"keys": public}))
    return {name: Signer(jwk) for name, jwk in jwks.items()}, file


def operated_on(intake, people, root, monkeypatch):
    """Return the command on a haven whose keys are made by order, and how it is asked."""
    _, custodians = people
    settings = intake.settings
    apart = root / "apart"
    apart.mkdir()
    given = {
        name: getattr(settings, name)
        for name in ("database_url", "key_store", "key_encryption_key_file", "landing_store")
    }
    given |= {"key_custodians_file": custodians, "key_backup_dir": apart}
    given |= {"environment": "development"}
    for name, value in given.items():
        monkeypatch.setenv(f"PSEUDONYMISATION_{name.upper()}", str(value))
    shutil.rmtree(settings.key_store)
    settings.key_store.mkdir()
    return Operated(root, settings, apart)


class Operated:
    def __init__(self, root, settings, apart):
        self.root, self.settings, self.apart = root, settings, apart

    def actions(self):
        """What the audit log has of orders."""
        with closing(sqlite3.connect(self.root / "service.db")) as database:
            rows = database.execute("SELECT entry FROM audit_leaf ORDER BY 1").fetchall()
        entries = sorted((json.loads(row[0]) for row in rows), key=lambda one: one["index"])
        return [
            (one["action"], one["detail"]["action"], one["detail"]["custodians"])
            for one in entries
            if one["resource"].startswith("key-orders/")
        ]

    def run(self, *arguments):
        done = CliRunner().invoke(cli.app, ["keys", *map(str, arguments)])
        return done.exit_code, done.output

    def order(self, action, *subject, by=("alice", "bob")):
        file = self.root / f"{action}.order"
        code, told = self.run("order", action, *subject, "--reason", "a drill", "--to", file)
        assert code == 0, told
        for name in by:
            code, told = self.run("sign", file, "--key", self.root / f"{name}.jwk")
            assert code == 0, told
        return file
