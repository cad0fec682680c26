-- What others may read.
create view inspect_handoffs as
select id, state, iif(task_id is null, 'client', 'task') as origin, task_id, attempt, client,
       session, provider, cwd, checkpoint ->> 'goal' as goal, consumed_by,
       created_ms as created_at_ms, updated_ms as updated_at_ms
from handoffs;

create view inspect_checkpoints as select id, checkpoint from handoffs;
