-- Everything that strategies heard that moved it, and what followed. Times are milliseconds UTC.
create table log (
    seq             integer primary key autoincrement,
    at_ms           integer not null,
    kind            text not null,                      -- the event's name
    event           text not null,                      -- JSON, all of it
    choice          integer,                            -- its number, where a strategy was asked for
    chosen          text                                -- that strategy's id; null: none could lead
) strict;
create unique index log_choices on log (choice) where choice is not null;

-- The engine as it was after an event: where a start and a replay begin.
create table snapshots (
    seq             integer primary key,                -- of the last event in it
    at_ms           integer not null,
    version         integer not null,                   -- of the rules that made it
    state           blob not null                       -- JSON, deflated
) strict;

-- How far the feed of outcomes was read; moves with what was learned from it.
create table cursors (
    feed            text primary key,
    seq             integer not null
) strict;

-- Every choice and what came of it.
create table choices (
    choice          integer primary key,
    at_ms           integer not null,
    intent          text not null,
    band            text not null,
    strategy        text,
    role            text not null,
    why             text not null,
    task_id         text,
    verifies        integer not null,                   -- 1: the request brought a check
    ended_ms        integer,
    lead            text,                               -- passed, failed or unknown, as was told
    result          text,                               -- of the task, as was told first
    x               integer,                            -- 1 success, 0 failure, null: not known
    weight          real not null default 0,            -- what it counts; 1: verified
    cost_usd        real not null default 0,
    latency_ms      integer,
    verified_by     text
) strict;
create index choices_task on choices (task_id) where task_id is not null;
create index choices_strategy on choices (strategy, choice);
create index choices_at on choices (at_ms);

-- How many verified trials each intent has had, and when it last evolved.
create table evidence (
    intent          text primary key,
    verified        integer not null default 0,
    evolved         integer not null default 0          -- `verified` as it was then
) strict;

create table strategies (
    id              text primary key,
    intent          text not null,
    genome          text not null,                      -- JSON
    state           text not null,                      -- active, challenger, benched, retired, culled
    lead            text not null,                      -- who is asked first
    pinned          integer not null default 0,
    operator        text not null,                      -- seed, try, mutation, crossover, reflection
    parents         text not null,                      -- JSON, ids
    why             text not null,
    numbers         text not null,                      -- JSON: of the parents, at its birth
    born_ms         integer not null,
    changed_ms      integer not null
) strict;
create index strategies_intent on strategies (intent, state);

-- What is believed of a strategy in one band of difficulty, since its last change.
create table cells (
    strategy        text not null,
    band            text not null,                      -- easy or hard
    intent          text not null,
    successes       real not null,                      -- weighted
    failures        real not null,
    mean            real not null,                      -- by Laplace, (successes + 1) / (n + 2)
    cost_usd        real,                               -- mean of the strategy's trials in all bands
    latency_ms      real,
    drifts          integer not null,                   -- how often it turned out to have changed
    drift_ms        integer,                            -- when it last did
    primary key (strategy, band)
) strict;

-- A challenger beside its parent.
create table pairs (
    child           text primary key,
    parent          text not null,
    intent          text not null,
    pairs           integer not null,
    child_only      integer not null,                   -- pairs that only the child passed
    parent_only     integer not null,
    evalue          real not null,                      -- 20 promotes
    against         real not null                       -- 20 culls
) strict;

-- Of an intent: nobody is both more successful and cheaper than these.
create table pareto (
    intent          text not null,
    strategy        text not null,
    numbers         text not null,                      -- JSON
    primary key (intent, strategy)
) strict;

-- The story: lines are added, and old ones pruned, but for how a strategy came and went.
create table lineage (
    id              integer primary key autoincrement,
    at_ms           integer not null,
    intent          text not null,
    strategy        text,
    what            text not null,
    why             text not null,
    numbers         text not null                       -- JSON
) strict;
create index lineage_intent on lineage (intent, id);
create index lineage_strategy on lineage (strategy, id);
