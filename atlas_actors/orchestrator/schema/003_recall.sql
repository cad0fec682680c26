-- Which memories were put before the prompt of an attempt; their texts are memory's alone.
create table recalled (
    task_id   text not null,
    attempt   integer not null,
    ids       text not null,          -- JSON list
    at_ms     integer not null,
    primary key (task_id, attempt)
) strict, without rowid;
create index recalled_at on recalled (at_ms);
