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
    fingerprint   blob not null                -- of kind and normalised text
) strict;
create unique index memories_fingerprint on memories (project, kind, fingerprint, session, speaker);
create index memories_session on memories (project, session, number);
create index memories_kind on memories (project, kind, state, number);
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

-- One row: moves with every store and forget, in their transaction.
create table generation (
    only  integer primary key check (only = 1),
    store blob not null,                       -- random: which memory.db this is
    n     integer not null
) strict;
insert into generation values (1, randomblob(16), 0);
