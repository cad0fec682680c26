create view inspect_strategies as
select id, intent, genome, lead, state, pinned, operator, parents, why, numbers,
       exists (select 1 from pareto where pareto.strategy = strategies.id) as pareto,
       born_ms as born_at_ms, changed_ms as changed_at_ms
from strategies;

create view inspect_strategy_cells as
select intent, band, strategy, successes, failures, successes + failures as n, mean, cost_usd,
       latency_ms, drifts, drift_ms as drift_at_ms
from cells;

create view inspect_strategy_pairs as
select child, parent, intent, pairs, child_only, parent_only, evalue, against from pairs;

create view inspect_pareto as select intent, strategy, numbers from pareto;

create view inspect_lineage as
select id, at_ms, intent, strategy, what, why, numbers from lineage;

create view inspect_choices as
select choice, at_ms, intent, band, strategy, role, why, task_id, verifies, ended_ms as ended_at_ms,
       lead, result, x, weight, cost_usd, latency_ms, verified_by
from choices;

-- Trials that were verified, by strategy and band, as far as they are kept.
create view inspect_strategy_rates as
select intent, band, strategy, count(*) as choices,
       sum(x is not null and weight >= 1) as verified,
       sum(x = 1 and weight >= 1) as successes,
       sum(x is not null and weight < 1) as weak,
       sum(x is null and ended_ms is not null) as unknown,
       avg(case when ended_ms is not null then cost_usd end) as cost_usd,
       avg(latency_ms) as latency_ms
from choices where strategy is not null group by intent, band, strategy;

create view inspect_strategy_log as
select seq, at_ms, kind, event, choice, chosen from log;

create view inspect_strategy_sizes as
select (select count(*) from log) as events, (select count(*) from log where choice is not null) as choices,
       (select min(seq) from log) as first_event, (select max(seq) from log) as last_event,
       (select count(*) from snapshots) as snapshots,
       (select seq from cursors where feed = 'outcomes') as outcomes_seq;

-- What is, or was, thought over by the task with this key.
create view inspect_reflections as
select key, intent, parent, tasks, at_ms, step from reflections;
