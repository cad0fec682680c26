create view inspect_projects as
select path as project, clock as turns, head,
       (select count(*) from files where project_id = projects.id and not gone) as files,
       (select count(*) from pairs join files on files.id = pairs.file_id
        where files.project_id = projects.id) / 2 as pairs
from projects order by path;

-- The most present first; reads just now = exp(kept - clock * ln(2) / half-life).
create view inspect_files as
select projects.path as project, files.path, files.kept, files.clock, projects.clock as turn,
       files.reads, files.edits, files.searches, files.tests, files.gone, files.at_ms,
       measures.state, measures.language, measures.tokens_full, measures.tokens_outline,
       measures.symbols
from files join projects on projects.id = files.project_id
left join measures on measures.file_id = files.id
order by projects.path, files.kept desc;

create view inspect_accesses as
select projects.path as project, accesses.kind, count(*) as n, max(accesses.at_ms) as newest_ms
from accesses join projects on projects.id = accesses.project_id
group by projects.path, accesses.kind;

-- A file that was read all the same saved nothing: its outline came on top.
create view inspect_deliveries as
select projects.path as project, deliveries.tier, count(*) as n,
       sum(deliveries.tokens_full) as tokens_full, sum(deliveries.tokens_given) as tokens_given,
       sum(deliveries.read_after) as read_after,
       sum(case when deliveries.read_after then -deliveries.tokens_given
                else deliveries.tokens_full - deliveries.tokens_given end) as tokens_saved
from deliveries join projects on projects.id = deliveries.project_id
group by projects.path, deliveries.tier;
