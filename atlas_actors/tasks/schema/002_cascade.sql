-- What a task asks of its answer and of its providers, and how far its cascade has come.
alter table tasks add column match text;                          -- the answer matches this (RE2)
alter table tasks add column command text;                        -- JSON list; it must exit 0
alter table tasks add column in_place integer not null default 0; -- 1: works in cwd itself
alter table tasks add column deadline_s real;                     -- of all attempts together
alter table tasks add column deadline_ms integer;                 -- when that time is over
alter table tasks add column progress text not null default '{}'; -- JSON: {tried, rounds, retried}
alter table tasks add column spent_usd real not null default 0;   -- by all attempts
alter table tasks add column workspace text;                      -- JSON: where it worked
alter table attempts add column cache_write_1h integer not null default 0;  -- of cache_write
alter table attempts add column estimated integer not null default 0;       -- 1: tokens are a guess
alter table attempts add column infrastructure integer not null default 0;  -- 1: not the answer's fault
alter table attempts add column fault text;                       -- rate, quota, key, context, ...
create index tasks_deadline on tasks (deadline_ms)
    where deadline_ms is not null and state = 'pending';
create index attempts_ended on attempts (ended_ms) where ended_ms is not null;
