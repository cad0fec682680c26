-- What others may read.
create view inspect_proposals as
select id, kind, title, prompt, cwd, evidence, fingerprint, subject, command as "check",
       handoff_id, retry_task, from_task, state, reason, approved_by, task_id, task_state, error,
       created_ms as created_at_ms, changed_ms as changed_at_ms
from proposals;

create view inspect_refusals as
select kind, title, reason, from_task, count, first_ms as first_at_ms, last_ms as last_at_ms
from refusals order by last_ms desc limit 200;
