
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
