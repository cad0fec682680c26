create view inspect_outcomes as
select id, at_ms, action, kind, result, verified_by, infrastructure, intent, provider, model,
       duration_ms, input, cache_read, cache_write, output, reasoning, cost_usd
from outcomes order by at_ms desc limit 200;

create view inspect_rates as
select kind, intent, provider, count(*) as n,
       sum(result = 'success') as successes, sum(result = 'partial') as partials,
       sum(result = 'failure' and not infrastructure) as failures,
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
