-- How the MCP servers of the clients were each time that they were looked at. Nothing of their
-- settings but names. Times are milliseconds UTC.
create table checks (
    seq               integer primary key,
    at_ms             integer not null,
    server            text not null,            -- its name in its client
    sources           text not null,            -- JSON list of the files that configure it so
    transport         text not null check (transport in ('stdio', 'http', 'sse')),
    target            text not null,            -- its program or host
    why               text not null check (why in ('asked', 'scheduled', 'warm')),
    ok                integer not null,
    stage             text not null,            -- what it failed at, or done
    error             text not null,            -- redacted, one line
    cure              text not null,
    protocol_version  text not null,
    server_name       text not null,            -- as it calls itself
    server_version    text not null,
    tools             integer,
    tool_names        text not null,            -- JSON list, the first of them
    initialize_ms     real,
    tools_ms          real,
    ping_ms           real,
    took_ms           real
) strict;
create index checks_server on checks (server, sources, seq);
create index checks_at on checks (at_ms);
