-- What is told again after a crash is kept once.
alter table outcomes add column key text;
create unique index outcomes_key on outcomes (key) where key is not null;
