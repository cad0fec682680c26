-- What others may read.
create view inspect_schedules as
select id, name, kind, spec, timezone, missed, jitter_s, paused_ms is not null as paused,
       case when problem is not null then 'broken' when paused_ms is not null then 'paused'
            when due_ms is null then 'done' else 'active' end as state,
       problem, upcoming as next_ms, last_ms, last_task_id, ticks, skipped,
       (select count(*) from ticks where schedule_id = schedules.id and task_id is null)
           as open_ticks,
       (select error from ticks where schedule_id = schedules.id and task_id is null
            and error is not null order by due_ms limit 1) as error,
       substr(json_extract(task, '$.prompt'), 1, 200) as prompt,
       created_ms as created_at_ms
from schedules order by name;

create view inspect_ticks as
select schedules.name, tick_ms, ticks.due_ms as due_at_ms, made_ms as made_at_ms, task_id,
       accepted_ms as accepted_at_ms, tries, error
from ticks join schedules on schedules.id = schedule_id
order by made_ms desc, tick_ms desc limit 200;
