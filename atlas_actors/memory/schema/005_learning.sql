-- What tells one state of one store from every other: `n` alone is counted again by a copy and
-- by what was put back from yesterday.
alter table generation add column stamp blob not null default x'';
update generation set stamp = randomblob(16);
create trigger generation_stamped after update of n on generation begin
    update generation set stamp = randomblob(16);
end;

-- How far sessions have been read. Times are milliseconds UTC.
create table transcripts (
    client   text not null,
    session  text not null,
    path     text not null,             -- '' when the turns were sent
    read_to  integer not null,          -- bytes of the file, or turns that were sent
    head     blob not null,             -- of the file's first bytes: another file begins anew
    turn     integer not null,          -- number of the last turn
    carry    text not null,             -- JSON: what the next turns may complete
    read_ms  integer not null,
    primary key (client, session, path)
) strict, without rowid;
create index transcripts_read on transcripts (read_ms);

-- What was learned, each once. A resumed session begins with a copy of what it goes on with.
create table lessons (
    key       blob primary key,
    client    text not null,
    session   text not null,
    rule      text not null,
    memory    text not null,             -- id of what became of it
    at_ms     integer not null
) strict, without rowid;
create index lessons_session on lessons (client, session);
create index lessons_at on lessons (at_ms);

-- How far what others have done has been learned from.
create table learning_marks (
    name   text primary key,
    at_ms  integer not null
) strict, without rowid;

-- Tasks that read for memory, by the keys of those tasks. None of what they read is here.
create table readings (
    key       text primary key,
    project   text not null,             -- '' is every project
    client    text not null,
    session   text not null,
    channel   text not null,             -- whose word it is at most
    sources   text not null,             -- JSON: ids of the memories that are read, in order
    at_ms     integer not null,
    taken     text                       -- JSON of what was taken over; null: it is waited for
) strict, without rowid;
create index readings_at on readings (at_ms);
create index readings_waiting on readings (at_ms) where taken is null;
