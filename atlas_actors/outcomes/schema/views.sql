-- `result` and `verified_by` are what stands; `first_result` is what was recorded.
create view inspect_outcomes as
select id, at_ms, action, kind, coalesce(now_result, result) as result,
       coalesce(now_verified_by, verified_by) as verified_by, infrastructure, intent, provider,
       model, duration_ms, input, cache_read, cache_write, output, reasoning, cost_usd,
       result as first_result
from outcomes order by at_ms desc limit 200;

-- All of them; who reads it says which, and how many.
create view inspect_outcomes_all as
select id, at_ms, action, kind, coalesce(now_result, result) as result,
       coalesce(now_verified_by, verified_by) as verified_by, infrastructure, intent, provider,
       model, json_extract(context, '$.strategy') as strategy,
       json_extract(context, '$.rule') as rule, json_extract(context, '$.project') as project,
       context, duration_ms, input, cache_read, cache_write, output, reasoning, cost_usd,
       result as first_result, verified_by as first_verified_by, key
from outcomes;

-- What was found of an outcome later; with a seq, it stood from then on.
create view inspect_amendments as
select outcome_id, at_ms, result, verified_by, reason, before, seq
from amendments where outcome_id is not null;

create view inspect_rates as
select kind, intent, provider, count(*) as n,
       sum(coalesce(now_result, result) = 'success') as successes,
       sum(coalesce(now_result, result) = 'partial') as partials,
       sum(coalesce(now_result, result) = 'failure' and not infrastructure) as failures,
       sum(infrastructure) as infrastructure, sum(cost_usd) as cost_usd
from outcomes group by kind, intent, provider;

-- A task's cost is the sum of its attempts', so only attempts are summed.
create view inspect_cost_by_day as
select date(at_ms / 1000, 'unixepoch', 'localtime') as day, sum(cost_usd) as cost_usd
from outcomes where kind <> 'task' group by 1 order by 1 desc;

create view inspect_cost_today as
select coalesce(sum(cost_usd), 0.0) as cost_usd
from outcomes
where kind <> 'task'
  and at_ms >= unixepoch('now', 'localtime', 'start of day', 'utc') * 1000;
