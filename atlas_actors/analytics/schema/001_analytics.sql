-- What is known of the health of every part. Times are milliseconds UTC.
create table marks (                         -- one value each
    name   text primary key,
    value  text not null
) strict, without rowid;

create table hours (
    kind   text not null,                    -- provider, queue, intent, hook, rule, ...
    part   text not null,
    hour   integer not null,                 -- since 1970
    tally  text not null,                    -- JSON, as tally.py has it
    primary key (kind, part, hour)
) strict, without rowid;
create index hours_hour on hours (hour);

-- Attempts that had a hiccup: did trying again at the same provider help?
create table hiccups (
    task      text not null,
    attempt   integer not null,
    provider  text not null,
    at_ms     integer not null,
    primary key (task, attempt)
) strict, without rowid;

create table actors (
    name         text primary key,
    epoch        integer not null,           -- the daemon's life that `restarts` counts in
    restarts     integer not null,
    state        text not null,
    reason       text not null,
    cure         text not null,
    waiting      integer not null,           -- messages
    in_hand_ms   integer not null,           -- how long it has been at the one in hand
    at_ms        integer not null
) strict, without rowid;

-- Each part now and before, as it is shown.
create table health (
    kind            text not null,
    part            text not null,
    n               integer not null,
    success         integer not null,
    judged          integer not null,        -- of how many the result says something
    low             real not null,           -- Wilson's 95 % interval
    high            real not null,
    infrastructure  integer not null,
    faults          text not null,           -- JSON
    p50_ms          real,
    p90_ms          real,
    p99_ms          real,
    cost_usd        real not null,
    before_success  integer not null,
    before_judged   integer not null,
    before_p90_ms   real,
    at_ms           integer not null,
    primary key (kind, part)
) strict, without rowid;

create table looks (
    id      integer primary key,
    at_ms   integer not null,
    seen    text not null,                   -- the same: there is no new evidence
    report  text not null                    -- JSON
) strict;

create table adjustments (
    id             integer primary key,
    knob           text not null,
    scope_kind     text not null,            -- whose outcomes tell what it does
    scope_part     text not null,
    before         real not null,
    after          real not null,
    setting        real not null,            -- what the settings said then
    why            text not null,
    numbers        text not null,            -- JSON
    evidence_n     integer not null,
    state          text not null check (state in
                       ('proposed', 'applied', 'kept', 'undone', 'rejected', 'expired')),
    by             text not null,            -- of the state: rule, person, measured, settings
    result         text not null default '', -- why it was kept, undone, rejected
    measured       text not null default '{}',  -- JSON
    tally_before   text not null,            -- JSON
    tally_after    text not null,            -- JSON
    made_ms        integer not null,
    applied_ms     integer,
    ended_ms       integer
) strict;
create unique index adjustments_one on adjustments (state) where state in ('proposed', 'applied');
create index adjustments_knob on adjustments (knob, id);

-- What was told to others, so that it is told once.
create table told (
    what   text not null check (what in ('learning', 'repair')),
    mark   text not null,
    at_ms  integer not null,
    primary key (what, mark)
) strict, without rowid;
