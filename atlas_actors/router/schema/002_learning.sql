-- What a decision came to, what sessions and pins are known, and what people taught.
alter table decisions add column features blob;            -- CRC-32 of each feature, little-endian
alter table decisions add column session_rule text;        -- what the session changed, if anything
alter table decisions add column passed_over text;         -- JSON: silenced rules that matched
alter table decisions add column agent text;
alter table decisions add column language text;
alter table decisions add column estimated_usd real;
alter table decisions add column cost_usd real;            -- of all attempts
alter table decisions add column duration_ms integer;      -- of all attempts
alter table decisions add column outcome text check (outcome in ('success', 'failure'));

create table sessions (
    session     text primary key,
    at_ms       integer not null,         -- of its last turn
    intent      text not null,            -- of its last turn that asked for something
    tier        text not null,
    provider    text,
    characters  integer not null          -- of all its turns
) strict;
create index sessions_at on sessions (at_ms);

create table pins (
    scope       text not null check (scope in ('session', 'project', 'all')),
    name        text not null,            -- the session's id, the project's directory, or empty
    provider    text not null,
    at_ms       integer not null,
    primary key (scope, name)
) strict;

create table corrections (             -- they outlive their decisions: training reads them
    route_id    text primary key,
    at_ms       integer not null,
    layer       integer,
    rule        text,
    said        text not null,            -- the intent that was decided
    intent      text not null,            -- the intent that it should have been
    features    blob not null
) strict;

create table rule_records (
    rule        text primary key,
    told_right      real not null,        -- by people
    told_wrong      real not null,
    witnessed_right real not null,        -- by a confident Layer 2
    witnessed_wrong real not null,
    at_ms           integer not null
) strict;
