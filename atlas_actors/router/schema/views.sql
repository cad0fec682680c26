create view inspect_decisions as
select id, at_ms, task_id, session, layer, rule, intent, confidence, abstained, tier, complexity,
       provider, agent, reason, session_rule, estimated_usd, cost_usd, duration_ms, outcome, took_us
from decisions order by at_ms desc limit 200;

create view inspect_layers as
select coalesce(layer, 0) as layer, count(*) as decisions,
       round(avg(confidence), 3) as mean_confidence
from decisions group by 1;

-- One row a layer and intent: how many, what people said, what came of them, what they cost.
create view inspect_routes as
select coalesce(d.layer, 0) as layer, d.intent, count(*) as decisions,
       count(c.route_id) as judged, coalesce(sum(c.intent = d.intent), 0) as confirmed,
       coalesce(sum(d.outcome is not null), 0) as ended,
       coalesce(sum(d.outcome = 'success'), 0) as succeeded,
       coalesce(sum(d.estimated_usd) filter (where d.task_id is not null), 0.0) as estimated_usd,
       coalesce(sum(d.cost_usd), 0.0) as cost_usd,
       sum(d.took_us) as took_us, sum(d.confidence) as confidence
from decisions d left join corrections c on c.route_id = d.id group by 1, 2;

create view inspect_rules as
select rule, told_right, told_wrong, witnessed_right, witnessed_wrong, at_ms
from rule_records order by rule;

create view inspect_pins as
select scope, name, provider, at_ms from pins order by scope, name;

create view inspect_corrections as
select route_id, at_ms, layer, rule, said, intent, features from corrections order by at_ms;
