-- The brief begins with what was of use: few of many, so only they are in it.
create index memories_used on memories (project, kind, useful - useless, uses, number)
    where uses > 0 and state = 'kept';
