-- What is remembered. Times are milliseconds UTC.
create table memories (
    number        integer primary key,         -- within a session, the order of arrival
    id            text not null unique,
    project       text not null,               -- '' is every project
    session       text not null,               -- '' is none
    kind          text not null check (kind in
                      ('learning', 'decision', 'rule', 'preference', 'episode')),
    speaker       text not null,               -- '' is unknown
    origin        text not null check (origin in
                      ('person', 'agent', 'program', 'tool', 'file', 'external')),
    trust         integer not null,            -- 0 to 3, the least of its lineage
    text          text not null,               -- redacted
    rationale     text not null,
    alternatives  text not null,               -- JSON list
    tags          text not null,               -- JSON list
    source        text not null,               -- '' is none
    lineage       text not null,               -- JSON list of ids
    supersedes    text not null default '[]',  -- JSON list of ids, which it does once it is kept
    state         text not null default 'kept' check (state in
                      ('kept', 'quarantined', 'superseded', 'rejected')),
    approved_ms   integer,                     -- by a person
    superseded_by text,                        -- id
    at_ms         integer not null,            -- said or happened
    until_ms      integer,                     -- holds no longer since
    created_ms    integer not null,
    uses          integer not null default 0,  -- recalled for a prompt or a brief
    useful        integer not null default 0,
    useless       integer not null default 0,
    used_ms       integer,
    fingerprint   blob not null,               -- of project, kind and what the text comes to
    subject       blob,                        -- of what it claims one value for, if it does
    value         text                         -- which it claims; '' with a subject is "not"
) strict;
create index memories_fingerprint on memories (fingerprint);
create index memories_subject on memories (subject) where subject is not null;
create index memories_session on memories (project, session, number);
create index memories_kind on memories (project, kind, state, number);
create index memories_project on memories (project);  -- in order of number: pages of a list
create index memories_superseded_by on memories (superseded_by) where superseded_by is not null;
create index memories_created on memories (created_ms);

-- Where a kept memory was met again.
create table sources (
    number   integer not null references memories (number) on delete cascade,
    origin   text not null,
    project  text not null,
    session  text not null,
    speaker  text not null,
    source   text not null,
    at_ms    integer not null,
    primary key (number, session, speaker, source, at_ms)
) strict, without rowid;

create index sources_session on sources (session);

-- One row: moves with every store and forget, in their transaction.
create table generation (
    only  integer primary key check (only = 1),
    store blob not null,                       -- random: which memory.db this is
    n     integer not null
) strict;
insert into generation values (1, randomblob(16), 0);

-- One row: what has to be done to the file as a whole.
create table upkeep (
    only       integer primary key check (only = 1),
    indexed    blob,                           -- generation.store that the indexes were built for
    indexed_to integer not null,               -- up to this number, while they are built anew
    scrub      integer not null                -- 1: deleted texts may still be in free pages
) strict;
insert into upkeep values (1, null, 0, 0);
