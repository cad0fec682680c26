create view inspect_plans as
select id, at_ms, task_id, intent, layer, confidence, tier, provider, waits_for, chain
from plans order by at_ms desc limit 200;
