-- What was spent on each local day, exact to the row of an attempt.
create table spent (
    day       text not null,          -- 2026-11-22
    provider  text not null,
    usd       real not null,
    tokens    integer not null,
    primary key (day, provider)
) strict, without rowid;

-- Calls under way, each at the most that it may cost.
create table reservations (
    task_id   text not null,
    attempt   integer not null,
    provider  text not null,
    usd       real not null,
    tokens    integer not null,
    at_ms     integer not null,
    primary key (task_id, attempt)
) strict, without rowid;

-- Answers of exact requests, for intents that allow it. The key is a hash.
create table answers (
    key          text primary key,
    answer       text not null,
    verified_by  text not null,
    until_ms     integer not null
) strict, without rowid;
create index answers_until on answers (until_ms);
