-- The full-text index over memories. The words are cut and stemmed by memory.words, for the index
-- and for a query alike, so FTS5 gets them ready made.

-- Projects and sessions by small numbers, with what ranking needs to know of them.
create table search_projects (
    number integer primary key,
    name   text not null unique,             -- as in memories.project
    rows   integer not null default 0,
    words  integer not null default 0
) strict;

create table search_sessions (
    number  integer primary key,
    project integer not null references search_projects (number),
    name    text not null,
    places  integer not null default 0,      -- given so far
    unique (project, name)
) strict;

create table search_rows (
    number integer primary key references memories (number) on delete cascade,
    -- session * 2^24 + place in it: what was said before and after is one less and one more.
    -- Without a session: null.
    spot   integer,
    project integer not null references search_projects (number),
    scope  text not null,                    -- tokens of project, kind and session
    words  integer not null,
    shape  integer not null,                 -- bits, see memory.shape
    terms  text not null                     -- stems with a space between
) strict;
create unique index search_rows_spot on search_rows (spot) where spot is not null;
create index memories_at on memories (project, at_ms);

-- Only which rows hold a word: how often and where is in search_rows.terms.
create virtual table search_index using fts5 (
    terms, scope,
    content = 'search_rows', content_rowid = 'number',
    tokenize = 'ascii', detail = none, columnsize = 0
);
insert into search_index (search_index, rank) values ('secure-delete', 1);
create virtual table search_vocabulary using fts5vocab ('search_index', 'row');

create trigger search_rows_added after insert on search_rows begin
    insert into search_index (rowid, terms, scope) values (new.number, new.terms, new.scope);
end;
create trigger search_rows_deleted after delete on search_rows begin
    insert into search_index (search_index, rowid, terms, scope)
    values ('delete', old.number, old.terms, old.scope);
    -- With the last of a session or project its name goes too.
    delete from search_sessions where number = old.spot >> 24 and not exists (
        select 1 from search_rows
        where spot >= (old.spot >> 24) << 24 and spot < ((old.spot >> 24) + 1) << 24
    );
    update search_projects set rows = rows - 1, words = words - old.words
    where number = old.project;
    delete from search_projects where number = old.project and rows = 0;
end;
