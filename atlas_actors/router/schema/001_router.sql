-- Every routing decision. Times are milliseconds UTC. No prompt text is kept.
create table decisions (
    id          text primary key,
    at_ms       integer not null,
    task_id     text,
    session     text,
    client      text,
    characters  integer not null,         -- length of the text that was routed
    layer       integer,                  -- 1, 2 or null: abstained
    rule        text,
    intent      text not null,
    confidence  real not null check (confidence between 0 and 1),
    abstained   integer not null,
    tier        text not null,
    complexity  integer not null,
    difficulty  real not null,
    mode        text not null,
    reason      text not null,
    provider    text,                     -- what it led to
    took_us     integer not null
) strict;
create index decisions_at on decisions (at_ms);
