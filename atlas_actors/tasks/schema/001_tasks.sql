-- Durable work. Times are milliseconds UTC.
create table tasks (
    id              text primary key,
    key             text unique,                -- the caller's idempotency key
    state           text not null check (state in
                        ('pending', 'in_progress', 'completed', 'failed', 'cancelled')),
    priority        integer not null check (priority between 0 and 3),  -- low normal high urgent
    prompt          text not null,
    files           text not null,              -- JSON: [{name, text}]
    cwd             text,
    schema          text,                       -- JSON Schema of the answer
    provider        text,                       -- a person's pin
    budget_usd      real,
    attempts_max    integer not null,
    routed          integer not null default 0, -- 1: lane and route are of this daemon's life
    lane            text,                       -- the provider that it waits for or runs on
    route           text,                       -- JSON
    waits_for       text not null default '',   -- why it does not start, for people
    due_ms          integer not null,
    created_ms      integer not null,
    started_ms      integer,
    ended_ms        integer,
    epoch           integer,                    -- the daemon's life that runs or ran it
    attempt         integer not null default 0, -- number of the newest attempt
    answers_asked   integer not null default 0, -- attempts that count against attempts_max
    interruptions   integer not null default 0, -- attempts lost to crashes, connections, time
    maybe_ran       integer not null default 0, -- an attempt was lost and may have had effects
    result          text,
    error           text,
    verified_by     text
) strict;

create index tasks_ready on tasks (lane, priority, due_ms, id) where state = 'pending';
create index tasks_unrouted on tasks (id) where state = 'pending' and routed = 0;
create index tasks_running on tasks (lane) where state = 'in_progress';
create index tasks_ended on tasks (ended_ms) where ended_ms is not null;

create table attempts (
    task_id      text not null references tasks (id) on delete cascade,
    number       integer not null,
    epoch        integer not null,
    provider     text not null,
    model        text,
    transport    text,
    "end"        text check ("end" in ('answered', 'refused', 'busy', 'unreachable', 'timed_out',
                     'over_budget', 'rejected', 'cancelled')),
    error        text not null default '',
    "check"      text not null default '',      -- what the check said
    input        integer not null default 0,    -- tokens
    cache_read   integer not null default 0,
    cache_write  integer not null default 0,
    output       integer not null default 0,
    reasoning    integer not null default 0,
    cost_usd     real not null default 0,
    started_ms   integer not null,
    ended_ms     integer,
    primary key (task_id, number)
) strict, without rowid;

-- Counting a million rows for every status would be slow.
create table counts (state text primary key, tasks integer not null) strict;
insert into counts values
    ('pending', 0), ('in_progress', 0), ('completed', 0), ('failed', 0), ('cancelled', 0);
create trigger tasks_counted_in after insert on tasks begin
    update counts set tasks = tasks + 1 where state = new.state;
end;
create trigger tasks_counted_out after delete on tasks begin
    update counts set tasks = tasks - 1 where state = old.state;
end;
create trigger tasks_counted_over after update of state on tasks when old.state <> new.state begin
    update counts set tasks = tasks - 1 where state = old.state;
    update counts set tasks = tasks + 1 where state = new.state;
end;
