create view inspect_mcp_checks as
select seq, at_ms, server, sources, transport, target, why, ok, stage, error, cure,
       protocol_version, server_name, server_version, tools, tool_names, initialize_ms, tools_ms,
       ping_ms, took_ms
from checks order by seq desc limit 1000;

-- One row a server, by the last look at it that was not our own failure. A server is its name and
-- where it is configured.
create view inspect_mcp_servers as
select last.server, last.sources, last.transport, last.target, last.at_ms, last.ok, last.stage,
       last.error, last.cure, last.protocol_version, last.server_name, last.server_version,
       last.tools, last.tool_names, last.initialize_ms, last.ping_ms, sums.checks, sums.successes,
       sums.last_ok_ms,
       (select count(*) from checks
        where server = last.server and sources = last.sources and stage <> 'host'
          and seq > coalesce(sums.last_ok_seq, 0)) as consecutive_failures,
       (select initialize_ms
        from (select initialize_ms, count(*) over () as timed,
                     row_number() over (order by initialize_ms) as place
              from checks
              where server = last.server and sources = last.sources and ok
                and initialize_ms is not null)
        where place = (timed + 1) / 2) as p50_initialize_ms
from (select server, sources, max(seq) as seq, count(*) as checks, sum(ok) as successes,
             max(case when ok then at_ms end) as last_ok_ms,
             max(case when ok then seq end) as last_ok_seq
      from checks where stage <> 'host' group by server, sources) as sums
join checks as last on last.seq = sums.seq
order by last.server, last.sources;
