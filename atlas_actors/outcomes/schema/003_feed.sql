-- Later evidence amends what was recorded, and whoever learns reads both in the order of coming.
alter table outcomes add column seq integer;          -- its place in the feed
alter table outcomes add column now_result text;      -- as amended; null: as it was recorded
alter table outcomes add column now_verified_by text;
update outcomes set seq = numbered.seq
from (select id, row_number() over (order by at_ms, id) as seq from outcomes) as numbered
where numbered.id = outcomes.id;
create unique index outcomes_seq on outcomes (seq);
create index outcomes_session on outcomes (json_extract(context, '$.session'), at_ms)
    where json_valid(context) and json_extract(context, '$.session') is not null;

create table amendments (
    number       integer primary key,
    outcome_id   text references outcomes (id) on delete cascade,
    key          text,                    -- of an outcome that has not been recorded yet
    at_ms        integer not null,        -- when that was found
    result       text not null check (result in ('success', 'partial', 'failure')),
    verified_by  text not null,
    reason       text not null,
    seq          integer,                 -- in the feed; null: something stronger stood
    before       text,                    -- the result that stood until then
    check ((outcome_id is null) <> (key is null))
) strict;
create unique index amendments_once on amendments (outcome_id, at_ms, result, verified_by, reason)
    where outcome_id is not null;
create unique index amendments_held on amendments (key, at_ms, result, verified_by, reason)
    where key is not null;
create unique index amendments_seq on amendments (seq) where seq is not null;

create table feed (upto integer not null) strict;  -- one row: the last number given
insert into feed select coalesce(max(seq), 0) from outcomes;
