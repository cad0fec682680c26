-- By which strategy each attempt was gone about: its id, and the number of that choice in the log of
-- strategies.
alter table attempts add column strategy text;
alter table attempts add column choice integer;
