-- What an embedder made of a memory's text; filled in the background.
create table vectors (
    number integer primary key references memories (number) on delete cascade,
    model  text not null,                    -- whose; another one's are made anew
    vector blob not null                     -- int8 a dimension, 127 is 1
) strict;
