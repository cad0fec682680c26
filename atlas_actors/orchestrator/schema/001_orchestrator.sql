-- How each task was planned. Times are milliseconds UTC.
create table plans (
    id          text primary key,
    at_ms       integer not null,
    task_id     text,
    route_id    text not null,
    intent      text not null,
    layer       integer,
    confidence  real not null,
    tier        text not null,
    provider    text,
    waits_for   text not null,
    chain       text not null         -- JSON: [{provider, verdict, why}]
) strict;
create index plans_at on plans (at_ms);
