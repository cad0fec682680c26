-- Which files of a project were touched, when, and with which. Times are milliseconds UTC.
-- What is called kept is the logarithm of a decayed count (score.py): no decay rewrites it.
create table projects (
    id      integer primary key,
    path    text not null unique,        -- the absolute path of its root
    clock   integer not null default 0,  -- turns so far, of all of its sessions
    head    text                         -- the commit up to which paths were followed
) strict;

create table sessions (
    project_id  integer not null references projects (id) on delete cascade,
    session     text not null,
    turn        text not null,                -- what the client calls its newest turn
    clock       integer not null,             -- the project's clock at that turn
    ended       integer not null default 0,
    at_ms       integer not null,
    primary key (project_id, session)
) strict, without rowid;

create table files (
    id          integer primary key,
    project_id  integer not null references projects (id) on delete cascade,
    path        text not null,                -- relative to the root
    kept        real not null,                -- of accesses by weight
    alone       real not null,                -- of turns in which it was touched
    clock       integer not null,             -- of the newest of these
    reads       integer not null default 0,
    edits       integer not null default 0,
    searches    integer not null default 0,
    tests       integer not null default 0,
    gone        integer not null default 0,   -- 1: deleted in git; it comes back with an access
    at_ms       integer not null,
    unique (project_id, path)
) strict;
create index files_kept on files (project_id, kept desc) where gone = 0;
create index files_at on files (at_ms);

create table pairs (
    file_id   integer not null references files (id) on delete cascade,
    other_id  integer not null references files (id) on delete cascade,
    kept      real not null,
    at_ms     integer not null,
    primary key (file_id, other_id)
) strict, without rowid;
create index pairs_other on pairs (other_id);

create table accesses (
    id          integer primary key,
    project_id  integer not null references projects (id) on delete cascade,
    file_id     integer not null references files (id) on delete cascade,
    session     text not null,
    clock       integer not null,
    kind        text not null check (kind in ('read', 'edit', 'search', 'test')),
    at_ms       integer not null
) strict;
create index accesses_session on accesses (project_id, session, clock);
create index accesses_file on accesses (file_id);
create index accesses_at on accesses (at_ms);

-- What the newest look at a file came to; it holds as long as size and time of change are these.
create table measures (
    file_id         integer primary key references files (id) on delete cascade,
    state           text not null,
    size            integer not null,
    mtime_ns        integer not null,
    language        text not null,
    tokens_full     integer not null,
    tokens_outline  integer,
    symbols         integer not null
) strict;

-- What was handed to an agent, by us.
create table deliveries (
    id            integer primary key,
    project_id    integer not null references projects (id) on delete cascade,
    session       text not null,
    path          text not null,
    tier          text not null check (tier in ('HOT', 'WARM', 'COLD')),
    tokens_full   integer not null,
    tokens_given  integer not null,
    read_after    integer not null default 0,  -- 1: the session read the file all the same
    at_ms         integer not null
) strict;
create index deliveries_of on deliveries (project_id, session, path);
create index deliveries_at on deliveries (at_ms);
