-- What others may read.
create view inspect_clients as
select client, version, events, last_event, last_at_ms from clients;

create view inspect_answers as
select seq, client, event, session, at_ms, took_us, answer_bytes, late from answers
order by seq desc;

create view inspect_sessions as
select sessions.client, sessions.session, project, turn, sessions.began_ms, last_ms,
       sessions.ended_ms, reason, model, intent, tier, cost_usd, used_percent,
       used_tokens, window_tokens, switches, compactions
from sessions left join turns on turns.client = sessions.client
    and turns.session = sessions.session and turns.number = sessions.turn
order by last_ms desc;

create view inspect_turns as
select client, session, number, began_ms, ended_ms, intent, tier, request, commands, failed, tests,
       json_array_length(files) as files, nullif(result, '') as result
from turns order by began_ms desc, number desc;

create view inspect_events as
select seq, at_ms, client, session, turn, event, kind, unknown from events
order by seq desc;

create view inspect_commands as
select project, command, failures, exit_code, error, last_failed_ms, instead from failed_commands
order by last_failed_ms desc;
