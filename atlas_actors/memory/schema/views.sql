-- What others may read.
create view inspect_memories as
select number, id, project as scope, nullif(project, '') as project, nullif(session, '') as session, kind,
       nullif(speaker, '') as speaker, origin, trust, text, nullif(rationale, '') as rationale,
       alternatives, tags, nullif(source, '') as source, lineage, supersedes, state,
       kind in ('rule', 'preference') and state = 'kept' and trust = 3 as pinned,
       approved_ms as approved_at_ms, superseded_by, at_ms, until_ms,
       created_ms as created_at_ms, uses, useful, useless, used_ms as used_at_ms
from memories;

-- Where each was met again; its first source is its own row.
create view inspect_sources as
select m.id, s.origin, nullif(s.project, '') as project, nullif(s.session, '') as session,
       nullif(s.speaker, '') as speaker, nullif(s.source, '') as source, s.at_ms
from sources s join memories m using (number);

-- Distinct (session, origin) pairs that say the same, its own among them.
create view inspect_corroboration as
select m.id, 1 + count(distinct case when (s.session, s.origin) <> (m.session, m.origin)
                                     then s.session || char(0) || s.origin end) as said_by
from memories m left join sources s using (number) group by m.number;

create view inspect_memory_counts as
select nullif(project, '') as project, kind, state, origin, trust, count(*) as count,
       sum(uses) as uses, sum(useful) as useful, sum(useless) as useless,
       min(at_ms) as oldest_at_ms, max(at_ms) as newest_at_ms, max(created_ms) as stored_at_ms
from memories group by memories.project, kind, state, origin, trust;

create view inspect_memory_generation as
select g.n as generation, u.indexed is g.store as indexed, u.scrub as scrub_due
from generation g, upkeep u;

-- graph ------------------------------------------------------------------------------------
create view inspect_entities as
select id, project, kind, name, norm, created_ms as created_at_ms,
       (select count(*) from (select 1 from mentions where entity = entities.id limit 1000))
           as mentions,
       (select count(*) from (select 1 from facts where subject = entities.id limit 1000))
       + (select count(*) from (select 1 from facts where object = entities.id limit 1000)) as facts
from entities;

create view inspect_aliases as
select entity, norm, alias from aliases;

create view inspect_observations as
select observations.id, entity, norm, project, text, from_ms, until_ms, trust
from observations join entities on entities.id = entity;

create view inspect_facts as
select facts.id, s.project as project, s.id as subject, s.norm as subject_norm,
       s.name as subject_name, relation, o.id as object, o.norm as object_norm,
       o.name as object_name, from_ms, until_ms, recorded_ms, ended_by, trust, origin, number
from facts join entities s on s.id = subject join entities o on o.id = object;
-- How far sessions were read, and what was learned of each.
create view inspect_transcripts as
select client, session, path, read_to, turn as turns, read_ms as read_at_ms from transcripts;

create view inspect_lessons as
select client, session, rule, count(*) as lessons, max(at_ms) as newest_at_ms
from lessons group by client, session, rule;

create view inspect_learning_marks as select name, at_ms from learning_marks;

-- Tasks that read for memory and have not been taken over.
create view inspect_readings as select key, at_ms from readings where taken is null;
