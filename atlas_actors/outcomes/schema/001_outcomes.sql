-- What every action came to. Times are milliseconds UTC.
create table outcomes (
    id              text primary key,
    at_ms           integer not null,
    action          text not null,
    kind            text not null check (kind in ('task', 'attempt', 'route', 'hook', 'recall',
                        'schedule', 'agent', 'skill', 'model')),
    result          text not null check (result in ('success', 'partial', 'failure')),
    verified_by     text,
    infrastructure  integer not null default 0,  -- 1: says nothing about quality
    intent          text,
    provider        text,
    model           text,
    context         text not null,               -- JSON, the rest
    duration_ms     integer,
    input           integer not null default 0,  -- tokens
    cache_read      integer not null default 0,
    cache_write     integer not null default 0,
    output          integer not null default 0,
    reasoning       integer not null default 0,
    cost_usd        real not null default 0
) strict;
create index outcomes_at on outcomes (at_ms);
create index outcomes_action on outcomes (action);
