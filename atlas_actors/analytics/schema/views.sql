create view inspect_health as
select kind, part, n, success, judged, low, high, infrastructure, faults, p50_ms, p90_ms, p99_ms,
       cost_usd, before_success, before_judged, before_p90_ms, at_ms
from health order by kind, part;

create view inspect_actors as
select name, state, reason, cure, waiting, in_hand_ms, actors.at_ms,
       coalesce(json_extract(faults, '$.restarts'), 0) as restarts
from actors left join health on kind = 'actor' and part = name order by name;

create view inspect_feedback as
select id, at_ms, report from looks order by id desc limit 200;

create view inspect_adjustments as
select id, knob, before, after, setting, why, numbers, evidence_n, state, by, result, measured,
       made_ms as made_at_ms, applied_ms as applied_at_ms, ended_ms as ended_at_ms
from adjustments order by id desc;

create view inspect_marks as
select name, value from marks;
