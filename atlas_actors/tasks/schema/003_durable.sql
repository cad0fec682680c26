-- Unique tasks, dependencies, groups, limits that outlive the daemon, counted transitions.
alter table tasks add column unique_key text;                      -- one of these at a time
alter table tasks add column blocked integer not null default 0;   -- tasks that it waits for
alter table tasks add column if_dead text not null default 'fail'
    check (if_dead in ('fail', 'skip', 'run'));                    -- when one of those fails
alter table tasks add column group_name text;                      -- shares a limit
alter table tasks add column held integer not null default 0;      -- 1: until its group has room
alter table tasks add column origin text not null default 'person';
alter table tasks add column handoff_id text;                      -- that it goes on with
alter table tasks add column fresh_from integer not null default 0; -- attempts before are of other work
alter table tasks add column since_ms integer not null default 0;  -- when it came into its state
update tasks set since_ms = coalesce(ended_ms, started_ms, created_ms);

create table dependencies (
    task_id   text not null references tasks (id) on delete cascade,
    needs_id  text not null,          -- that ends before task_id begins
    primary key (task_id, needs_id)
) strict, without rowid;
create index dependencies_needs on dependencies (needs_id);

-- Keys of submissions that a unique task of another key stood for.
create table aliases (
    key  text primary key,
    id   text not null references tasks (id) on delete cascade
) strict, without rowid;
create index aliases_id on aliases (id);

-- Token buckets of lanes and groups.
create table buckets (
    name    text primary key,
    tokens  real not null,
    at_ms   integer not null
) strict, without rowid;

drop index tasks_ready;
create index tasks_ready on tasks (lane, priority, due_ms, id)
    where state = 'pending' and routed = 1;
drop index tasks_unrouted;
create index tasks_unrouted on tasks (priority, due_ms, id)
    where state = 'pending' and routed = 0 and blocked = 0 and held = 0;
create index tasks_unique on tasks (unique_key, created_ms) where unique_key is not null;
create index tasks_held on tasks (group_name, priority, due_ms, id)
    where state = 'pending' and held = 1;
create index tasks_released on tasks (group_name)
    where group_name is not null and held = 0 and state in ('pending', 'in_progress');

-- Every change of state is counted with the time spent in the state before; what there is of each
-- state follows from it.
create table transitions (
    before    text not null,          -- new: it was accepted
    after     text not null,          -- gone: it was pruned
    tasks     integer not null default 0,
    spent_ms  integer not null default 0,
    primary key (before, after)
) strict, without rowid;
insert into transitions (before, after)
    select one.value, other.value
    from json_each('["new", "pending", "in_progress", "completed", "failed", "cancelled"]') as one,
         json_each('["pending", "in_progress", "completed", "failed", "cancelled", "gone"]') as other
    where one.value <> other.value;
update transitions set tasks = (select tasks from counts where state = after) where before = 'new'
    and after in (select state from counts);
drop trigger tasks_counted_in;
drop trigger tasks_counted_out;
drop trigger tasks_counted_over;
drop table counts;
create trigger tasks_counted_in after insert on tasks begin
    update transitions set tasks = tasks + 1 where before = 'new' and after = new.state;
end;
create trigger tasks_counted_out after delete on tasks begin
    update transitions set tasks = tasks + 1 where before = old.state and after = 'gone';
end;
create trigger tasks_counted_over after update of state on tasks when old.state <> new.state begin
    update transitions
    set tasks = tasks + 1, spent_ms = spent_ms + max(0, new.since_ms - old.since_ms)
    where before = old.state and after = new.state;
end;

-- What was looked for by reading every task.
create index tasks_again on tasks (due_ms) where state = 'pending' and attempt > 0;
create index tasks_files on tasks (id) where files <> '[]';
