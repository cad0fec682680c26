"""A small room that keeps numbered entries, driven without threads, and what it acknowledged."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import attrs

from atlas_actors import store
from atlas_actors.mailbox import Envelope, Reply
from atlas_actors.store_actor import StoreActor
from tests.support.stages import Stage

SCHEMA = """
create table entries (number integer primary key, batch integer not null, body text not null)
    strict;
create index entries_body on entries (body);
create table counts (what text primary key, entries integer not null) strict;
insert into counts values ('all', 0);
create trigger entries_counted after insert on entries begin
    update counts set entries = entries + 1;
end;
"""


@attrs.frozen(kw_only=True)
class Enter:
    number: int
    batch: int
    body: str
    durable: bool


@attrs.frozen(kw_only=True)
class Read:
    pass


class Room(StoreActor):
    inbox = Enter | Read
    checkpoint_pages: ClassVar[int] = 12  # so that a short test sees many

    def is_durable(self, message):
        return isinstance(message, Enter) and message.durable

    def on_start(self):
        self.store.connection.wal_autocheckpoint(self.checkpoint_pages)

    def on_receive(self, message):
        if isinstance(message, Enter):
            self.store.run(
                "insert into entries values (?, ?, ?)",
                (message.number, message.batch, message.body),
            )
            return message.number
        return [row["number"] for row in self.store.rows("select number from entries")]


def make_schema(folder: Path) -> Path:
    """The folder with the room's migration."""
    schema = folder / "schema"
    schema.mkdir()
    (schema / "001_entries.sql").write_text(SCHEMA)
    return schema


def room_stage(path: Path, schema: Path) -> Stage:
    """A room on this file, not yet started."""
    return Stage(type("ThisRoom", (Room,), {"schema": schema}), database=path)


def handle(stage: Stage, messages: list[Any]) -> list[Reply]:
    """One batch through the actor's own commit path; the answers that have been given."""
    replies = [Reply() for _ in messages]
    mails = [Envelope(message, reply) for message, reply in zip(messages, replies, strict=True)]
    for mail in mails[1:]:
        stage.cell.mailbox.put(mail)
    try:
        stage.actor._handle(mails[0])
        while len(stage.cell.mailbox):
            stage.actor._handle(stage.cell.mailbox.get(0))
    finally:
        stage.cell.mailbox.take(len(mails))  # what a crash left is nobody's here
    return replies


def acknowledged(reply: Reply) -> bool:
    """Whether the sender was told that it is done."""
    return reply.error is None and not reply._tickets


def work(generator: random.Random, batches: int, durable: bool | None = None) -> list[list[Enter]]:
    """Batches of entries; `durable` None means some of each kind."""
    number, made = 0, []
    for batch in range(batches):
        entries = []
        for _ in range(generator.randint(1, 4)):
            number += 1
            entries.append(
                Enter(
                    number=number,
                    batch=batch,
                    body="x" * generator.choice((5, 300, 3_000, 9_000)),
                    durable=generator.random() < 0.5 if durable is None else durable,
                )
            )
        made.append(entries)
    return made


@contextmanager
def disk(vfs: str | None) -> Iterator[None]:
    """Let every store use this VFS."""
    before, store.VFS = store.VFS, vfs
    try:
        yield
    finally:
        store.VFS = before
