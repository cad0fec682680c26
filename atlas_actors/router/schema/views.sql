create view inspect_decisions as
select id, at_ms, task_id, layer, rule, intent, confidence, abstained, tier, complexity, provider,
       reason, took_us
from decisions order by at_ms desc limit 200;

create view inspect_layers as
select coalesce(layer, 0) as layer, count(*) as decisions,
       round(avg(confidence), 3) as mean_confidence
from decisions group by 1;
