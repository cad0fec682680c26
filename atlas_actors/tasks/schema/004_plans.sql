-- What was looked for by reading every task.
create index tasks_again on tasks (due_ms) where state = 'pending' and attempt > 0;
create index tasks_files on tasks (id) where files <> '[]';
