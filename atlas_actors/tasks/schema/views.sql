-- What others may read.
create view inspect_counts as select state, tasks from counts;

create view inspect_tasks as
select id, key, state,
       case priority when 0 then 'low' when 1 then 'normal' when 2 then 'high' else 'urgent' end
           as priority,
       prompt, cwd, provider as pinned_provider, lane, waits_for, due_ms as due_at_ms,
       created_ms as created_at_ms, started_ms as started_at_ms, ended_ms as ended_at_ms,
       attempt as attempts, maybe_ran, result, error, verified_by, route
from tasks;

create view inspect_attempts as
select task_id, number, provider, model, transport, "end", error, "check",
       input, cache_read, cache_write, output, reasoning, cost_usd,
       started_ms as started_at_ms, ended_ms as ended_at_ms
from attempts;
