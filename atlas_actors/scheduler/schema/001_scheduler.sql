-- What is to be submitted when, and each time that it was. Times are milliseconds UTC.
create table schedules (
    id            text primary key,
    name          text not null unique,
    kind          text not null check (kind in ('once', 'every', 'daily', 'weekly', 'cron')),
    spec          text not null,               -- JSON, the fields of its kind
    timezone      text not null,               -- IANA name
    missed        text not null check (missed in ('skip', 'once', 'all')),
    jitter_s      integer not null,
    task          text not null,               -- JSON, parameters of task.submit
    created_ms    integer not null,
    paused_ms     integer,                     -- since when
    problem       text,                        -- why it cannot be read (any more); not looked at
    seen_ms       integer not null,            -- all ticks up to here are decided
    decided_ms    integer not null,            -- the highest that seen_ms ever was
    due_ms        integer,                     -- when the next tick is; null: none comes
    upcoming      text not null,               -- JSON, the next few due times
    ticks         integer not null default 0,  -- that were made
    skipped       integer not null default 0,  -- that were missed and not made
    last_ms       integer,                     -- when its last task was accepted
    last_task_id  text
) strict;
create index schedules_due on schedules (due_ms) where paused_ms is null and problem is null;

-- One row for each tick that was made: it becomes one task, whoever dies in between.
create table ticks (
    schedule_id   text not null references schedules (id) on delete cascade,
    tick_ms       integer not null,
    due_ms        integer not null,            -- with its jitter
    made_ms       integer not null,
    task_id       text,                        -- null: not accepted yet
    accepted_ms   integer,
    tries         integer not null default 0,  -- refusals so far
    error         text,                        -- the last refusal
    primary key (schedule_id, tick_ms)
) strict, without rowid;
create index ticks_open on ticks (tries, due_ms) where task_id is null;
create index ticks_open_of on ticks (schedule_id) where task_id is null;
create index ticks_made on ticks (made_ms);
