-- What clients' hooks have told. Times are milliseconds UTC. Texts come redacted.
create table events (
    seq      integer primary key autoincrement,
    key      text,              -- told twice with the same key it counts once
    at_ms    integer not null,
    client   text not null,
    session  text not null,     -- '': the client did not say
    turn     integer not null,
    event    text not null,     -- the client's name of it
    kind     text not null,
    unknown  text               -- JSON: what the adapter does not know; null: nothing
) strict;
create unique index events_key on events (key) where key is not null;
create index events_at on events (at_ms);

create table clients (
    client      text primary key,
    version     text not null,
    events      integer not null,
    last_event  text not null,
    last_at_ms  integer not null
) strict;

create table answers (
    seq           integer primary key autoincrement,
    client        text not null,
    event         text not null,
    session       text not null,
    at_ms         integer not null,
    took_us       integer not null,
    answer_bytes  integer not null,
    late          text not null     -- parts that had not answered, with commas
) strict;
create index answers_at on answers (at_ms);

create table sessions (
    client           text not null,
    session          text not null,
    label            text not null,     -- as other rooms know it: no two clients share one
    project          text,
    cwd              text not null,
    transcript_path  text not null,
    model            text not null,
    began_ms         integer not null,
    last_ms          integer not null,  -- the newest event but a status line
    ended_ms         integer,
    reason           text not null,     -- of its end
    turn             integer not null,  -- the newest; 0: no prompt has come
    commands         integer not null,  -- that have run, to tell what came soon after what
    edited_at        integer not null,  -- after which of them the last edit came; -1: none
    cost_usd         real,
    used_tokens      integer,
    window_tokens    integer,
    used_percent     real,
    switches         integer not null,  -- of its model
    compactions      integer not null,
    primary key (client, session)
) strict;
create index sessions_last on sessions (last_ms);
create index sessions_session on sessions (session);

create table turns (
    client      text not null,
    session     text not null,
    number      integer not null,   -- from 1; 0: what came before the first prompt
    turn_id     text not null,      -- the client's own
    began_ms    integer not null,
    ended_ms    integer,
    result      text not null,      -- success, failure, interrupted; '': it goes on
    request     text not null,      -- the prompt's fingerprint
    goal        text not null,      -- the prompt's beginning; '' once a newer turn has begun
    intent      text not null,
    tier        text not null,
    route_id    text not null,
    commands    integer not null,
    failed      integer not null,   -- of them
    tests       integer not null,   -- runs of tests
    tests_say   text not null,      -- passed, failed; '': none has run since the last edit
    files       text not null,      -- JSON: those that it has changed
    done        text not null,      -- JSON: lines; [] once a newer turn has begun
    words       text not null,      -- the assistant's, when it was cut off by its service
    primary key (client, session, number),
    foreign key (client, session) references sessions (client, session) on delete cascade
) strict;
create index turns_id on turns (client, session, turn_id) where turn_id <> '';
create index turns_open on turns (client, session) where ended_ms is null;

-- What is said once in a turn: outlines in place of files, commands that had failed.
create table said (
    client   text not null,
    session  text not null,
    turn     integer not null,
    what     text not null,
    primary key (client, session, turn, what)
) strict;

create table failed_commands (
    project         text not null,
    place           text not null,     -- the directory that it ran in
    command         text not null,     -- with single spaces
    failures        integer not null,
    exit_code       integer,
    error           text not null,     -- the end of what it printed
    tests           integer not null,  -- 1: it ran tests
    last_failed_ms  integer not null,
    client          text not null,     -- where it failed last: session, and how many commands
    session         text not null,     -- had run there
    position        integer not null,
    instead         text not null,     -- '': nothing is known to have worked
    primary key (project, place, command)
) strict;
create index failed_commands_session on failed_commands (client, session, position);
create index failed_commands_last on failed_commands (last_failed_ms);

-- What outcomes has not confirmed yet.
create table owed (
    number   integer primary key autoincrement,
    key      text not null unique,
    outcome  text not null            -- JSON
) strict;

-- What handoffs is to have of a session, and has.
create table handoffs (
    client      text not null,
    session     text not null,
    id          text,                 -- of what is open there, as far as we know
    cwd         text,
    checkpoint  text,                 -- JSON, to be saved; null: it is
    sent        integer not null,     -- 1: a save may have arrived that was not confirmed
    dropped     integer not null,     -- 1: nobody will go on with it
    primary key (client, session)
) strict;

create table learnings (
    client           text not null,
    session          text not null,
    project          text,
    transcript_path  text not null,
    event            text not null,
    seq              integer not null,
    primary key (client, session)
) strict;
create index learnings_seq on learnings (seq);
