-- The graph: what memories name, and what is said of it. Times are milliseconds UTC.
create table entities (
    id          integer primary key autoincrement,
    project     text not null,                 -- '' is every project
    kind        text not null,
    name        text not null,                 -- as it was first written
    norm        text not null,                 -- what makes two names the same
    stated      integer not null,              -- 1: by itself; 0: only memories name it
    created_ms  integer not null
) strict;
create unique index entities_norm on entities (norm, project);
create index entities_project on entities (project, id);

-- Other names of an entity.
create table aliases (
    project  text not null,
    norm     text not null,
    entity   integer not null references entities (id) on delete cascade,
    alias    text not null,
    primary key (norm, project)
) strict, without rowid;
create index aliases_entity on aliases (entity);

-- subject -relation-> object, one row for each time that it was said. Nothing is changed but
-- until_ms and ended_by of relations that have one object at a time: see timeline.py.
create table facts (
    id           integer primary key autoincrement,
    subject      integer not null references entities (id) on delete cascade,
    relation     text not null,
    object       integer not null references entities (id) on delete cascade,
    from_ms      integer not null,             -- it holds since then
    until_ms     integer,                      -- and no longer; null: it still does
    recorded_ms  integer not null,
    ended_by     integer,                      -- the fact that contradicts it
    trust        integer not null,
    origin       text not null,                -- '' is that of the memory
    number       integer references memories (number) on delete cascade  -- that says so
) strict;
create unique index facts_statement on facts (subject, relation, object, from_ms, number);
-- With all that a walk reads, newest first: each fact elsewhere would be a page of the file.
create index facts_subject on facts
    (subject, id, relation, object, from_ms, until_ms, trust, number);
create index facts_object on facts
    (object, id, relation, subject, from_ms, until_ms, trust, number);
create index facts_number on facts (number) where number is not null;

-- What was observed of an entity.
create table observations (
    id           integer primary key autoincrement,
    entity       integer not null references entities (id) on delete cascade,
    text         text not null,
    from_ms      integer not null,
    until_ms     integer,
    recorded_ms  integer not null,
    trust        integer not null,
    origin       text not null,
    number       integer references memories (number) on delete cascade  -- where it was read
) strict;
create index observations_number on observations (number) where number is not null;
create unique index observations_text on observations (entity, text);

-- Which memory names what, and how often.
create table mentions (
    entity  integer not null references entities (id) on delete cascade,
    number  integer not null references memories (number) on delete cascade,
    count   integer not null,
    primary key (entity, number)
) strict, without rowid;
create index mentions_number on mentions (number);
