-- Work that Atlas proposes. Times are milliseconds UTC.
create table proposals (
    id            text primary key,
    kind          text not null,
    title         text not null,
    prompt        text not null,
    cwd           text,
    evidence      text not null,               -- JSON, why it is proposed
    evidence_key  text not null,               -- the same: nothing new was seen
    fingerprint   text not null,
    subject       text,                        -- one at a time
    command       text,                        -- JSON list; proves the work by exiting 0
    handoff_id    text,                        -- that the work goes on with
    retry_task    text,                        -- the work is to try this task anew
    from_task     text,                        -- that the evidence comes from
    state         text not null check (state in
                      ('proposed', 'approved', 'submitted', 'rejected', 'expired', 'done')),
    reason        text not null default '',    -- of the state, for people
    approved_by   text check (approved_by in ('person', 'settings')),
    task_id       text,
    task_state    text,                        -- how that task ended
    tries         integer not null default 0,  -- refusals of tasks so far
    error         text,                        -- the last one
    settled       integer not null default 0,  -- 1: what is proposed again is new
    day           text not null,               -- local, that it was made on
    created_ms    integer not null,
    changed_ms    integer not null
) strict;
create unique index proposals_open on proposals (fingerprint)
    where state in ('proposed', 'approved', 'submitted');
create index proposals_fingerprint on proposals (fingerprint, id);
create index proposals_subject on proposals (subject) where subject is not null;
create index proposals_state on proposals (state, changed_ms);
create index proposals_day on proposals (day);
create index proposals_task on proposals (task_id) where task_id is not null;

-- What was not made, counted: the same proposal is refused again and again.
create table refusals (
    fingerprint  text not null,
    reason       text not null check (reason in ('generated', 'limit')),
    kind         text not null,
    title        text not null,
    from_task    text,
    count        integer not null,
    first_ms     integer not null,
    last_ms      integer not null,
    primary key (fingerprint, reason)
) strict, without rowid;
create index refusals_last on refusals (last_ms);
