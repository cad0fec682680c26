-- What others may read.
create view inspect_counts as
select after as state,
       sum(tasks) - (select coalesce(sum(tasks), 0) from transitions as other
                     where other.before = transitions.after) as tasks
from transitions where after <> 'gone' group by after;

-- How often tasks went from one state to another, and how long they had been in the first.
create view inspect_transitions as
select before, after, tasks, spent_ms from transitions where tasks > 0;

create view inspect_tasks as
select id, key, state,
       case priority when 0 then 'low' when 1 then 'normal' when 2 then 'high' else 'urgent' end
           as priority,
       prompt, cwd, provider as pinned_provider, lane, waits_for, due_ms as due_at_ms,
       created_ms as created_at_ms, started_ms as started_at_ms, ended_ms as ended_at_ms,
       attempt as attempts, maybe_ran, result, error, verified_by, route,
       workspace, spent_usd, budget_usd, blocked, held, group_name as "group", origin, files,
       unique_key, if_dead
from tasks;

create view inspect_dependencies as select task_id, needs_id from dependencies;

-- Everything that another daemon needs to take a task over.
create view inspect_export as
select id, key, state, prompt, cwd, provider, match, error, result, verified_by, unique_key,
       if_dead, group_name, origin, lane, priority, budget_usd, attempts_max, due_ms, created_ms,
       started_ms, ended_ms, attempt, answers_asked, interruptions, maybe_ran, in_place,
       deadline_s, deadline_ms, spent_usd, files, schema, command, route, workspace, progress
from tasks;

-- But for its choice, whose number is of this daemon's log.
create view inspect_export_attempts as
select task_id, number, epoch, provider, model, transport, "end", fault, error, "check",
       input, cache_read, cache_write, cache_write_1h, output, reasoning, estimated, infrastructure,
       cost_usd, started_ms, ended_ms, strategy
from attempts;

create view inspect_attempts as
select task_id, number, provider, model, transport, "end", fault, error, "check",
       input, cache_read, cache_write, cache_write_1h, output, reasoning, estimated, cost_usd,
       started_ms as started_at_ms, ended_ms as ended_at_ms, strategy, choice
from attempts;

-- What each attempt used, for sums of costs.
create view inspect_costs as
select attempts.task_id, attempts.number, attempts.provider, attempts.model, attempts.transport,
       attempts."end", attempts.ended_ms as at_ms,
       date(attempts.ended_ms / 1000, 'unixepoch', 'localtime') as day,
       json_extract(tasks.route, '$.intent') as intent, tasks.cwd as project, attempts.strategy,
       attempts.input, attempts.cache_read, attempts.cache_write, attempts.cache_write_1h,
       attempts.output, attempts.reasoning, attempts.estimated, attempts.cost_usd
from attempts join tasks on tasks.id = attempts.task_id
where attempts.ended_ms is not null;
