-- How far work had come when it stopped. Times are milliseconds UTC.
create table handoffs (
    id           text primary key,
    task_id      text,              -- of the attempt that left it; null: a client's session did
    attempt      integer,
    client       text,
    session      text,
    provider     text,
    cwd          text,
    state        text not null check (state in
                     ('open', 'consumed', 'done', 'dropped', 'expired')),
    consumed_by  text,              -- the task and attempt that go on with it
    checkpoint   text not null,     -- JSON: {goal, done, next_steps, files, sessions, last_output}
    created_ms   integer not null,
    updated_ms   integer not null,
    check ((task_id is null) = (attempt is null) and (task_id is null) <> (client is null))
) strict;

create unique index handoffs_attempt on handoffs (task_id, attempt) where task_id is not null;
create unique index handoffs_session on handoffs (client, session)
    where client is not null and state = 'open';
create index handoffs_open on handoffs (updated_ms) where state = 'open';
create index handoffs_over on handoffs (updated_ms) where state <> 'open';
