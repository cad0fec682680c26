-- Tasks that failed because their own check did, by what had failed at them.
create table failed_tasks (
    task_id         text not null,
    strategy        text not null,
    intent          text not null,
    choice          integer not null,        -- of this strategy for it
    lead            text not null,           -- the provider that this strategy asks first
    project         text,
    origin          text not null,
    at_ms           integer not null,
    state           text not null,           -- new, alone (nothing else to try), proposed, passed
    primary key (task_id, strategy)
) strict;
create index failed_tasks_new on failed_tasks (at_ms) where state = 'new';
create index failed_tasks_at on failed_tasks (at_ms);

-- Changes of a session after which no test came.
create table untested (
    project         text not null,           -- "": not known
    session         text not null,
    subject         text not null unique,    -- of the proposal
    files           text not null,           -- JSON, the first of them
    edits           integer not null,
    first_ms        integer not null,
    last_ms         integer not null,
    ended           integer not null,        -- 1: so is the session
    state           text not null,           -- open, proposed
    primary key (project, session)
) strict;
create index untested_session on untested (session);
create index untested_open on untested (last_ms) where state = 'open';

-- What was proposed and is to be taken back.
create table settled (
    subject         text primary key
) strict;

-- Trials whose lead failed, while a model may think over what fails.
create table failed_trials (
    number          integer primary key autoincrement,
    choice          integer not null unique,
    task_id         text not null,
    intent          text not null,
    strategy        text not null,
    at_ms           integer not null
) strict;
create index failed_trials_intent on failed_trials (intent, number);

-- What was, or is to be, thought over by a task with this key.
create table reflections (
    key             text primary key,
    intent          text not null,
    parent          text not null,           -- the strategy whose template it is about
    tasks           text not null,           -- JSON, ids of those that failed with it
    upto            integer not null,        -- failed trials up to this number were looked at
    day             text not null,           -- local
    at_ms           integer not null,
    step            text                     -- JSON of the answer to TakeReflection; null: waited for
) strict;
create index reflections_intent on reflections (intent, upto);
create index reflections_day on reflections (day);
create index reflections_waiting on reflections (at_ms) where step is null;
