create view inspect_plans as
select id, at_ms, task_id, intent, layer, confidence, tier, provider, waits_for, chain
from plans order by at_ms desc limit 200;

create view inspect_spent as
select day, provider, usd, tokens from spent order by day desc, provider;

create view inspect_reservations as
select task_id, attempt, provider, usd, tokens, at_ms from reservations;

create view inspect_recalled as select task_id, attempt, ids, at_ms from recalled;
