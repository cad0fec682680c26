"""A task as text for people: its route, its attempts, its result."""

from collections.abc import Mapping
from typing import Any

from atlas_actors.cli import changes, show
from atlas_actors.notes import short


def task_lines(task: dict[str, Any], states: Mapping[str, str]) -> list[str]:
    """A task for people; `states` are those of the tasks that it comes after."""
    route = task["route"] or {}
    lines = [
        f"task      {task['id']}",
        f"state     {task['state']}" + ("  (an attempt was lost)" if task["maybe_ran"] else ""),
        f"created   {show.when(task['created_at_ms'])}   ended {show.when(task['ended_at_ms'])}",
        f"request   {show.one_line(task['prompt'], 100)}",
    ]
    if task["key"]:
        lines.append(f"key       {task['key']}")
    lines += _after_lines(task, states)
    if task["waits_for"]:
        lines.append(f"waits     {task['waits_for']}")
    if task["state"] == "pending" and task["due_at_ms"] > task["created_at_ms"]:
        lines.append(f"not until {show.when(task['due_at_ms'])}")
    if task["group"]:
        lines.append(f"group     {task['group']}")
    lines += [f"file      {file['name']}, {show.size(file['bytes'])}" for file in task["files"]]
    if route:
        layer = f"layer {route['layer']}" if route["layer"] else "abstained"
        lines += [
            f"route     {route['intent']}, {layer}, confidence {route['confidence']:.2f}:"
            f" {route['reason']}",
            f"provider  {route['provider'] or '-'} (tier asked for: {route['tier']})",
        ]
        lines += [
            f"          {link['provider']}: {link['verdict']}, {link['why']}"
            for link in route["chain"]
        ]
        lines += [f"strategy  {words}" for words in show.strategy(route)]
    lines += changes.lines(task)
    for attempt in task["attempts"]:
        lines += _attempt_lines(attempt)
    if task["verified_by"]:
        lines.append(f"verified  {task['verified_by']}")
    if task["error"]:
        lines.append(f"error     {task['error']}")
    if task["result"] is not None and task["state"] == "completed":
        lines += ["result", task["result"]]
    return lines


def _after_lines(task: dict[str, Any], states: Mapping[str, str]) -> list[str]:
    lines = [f"after     {id}, {states.get(id, 'gone')}" for id in task["after"]]
    return [*lines, f"if dead   {task['if_dead']}"] if lines else []


def _who(attempt: dict[str, Any]) -> str:
    """An attempt that was interrupted may not have said its model."""
    model = f", {attempt['model']}" if attempt["model"] else ""
    transport = f" over {attempt['transport']}" if attempt["transport"] else ""
    return f"{attempt['provider']}{model}{transport}"


def _attempt_lines(attempt: dict[str, Any]) -> list[str]:
    tokens = attempt["tokens"]
    took = None
    if attempt["ended_at_ms"] is not None:
        took = attempt["ended_at_ms"] - attempt["started_at_ms"]
    lines = [
        f"attempt {attempt['number']} {attempt['end'] or 'running'}: {_who(attempt)}",
        f"          {tokens['input'] + tokens['cache_read'] + tokens['cache_write']} tokens in"
        f" ({tokens['cache_read']} cached), {tokens['output']} out"
        f"{' (estimated)' if attempt['estimated'] else ''},"
        f" cost {show.usd(attempt['cost_usd'])}, took {show.duration(took)}",
    ]
    if attempt["memories"]:
        known = ", ".join(short(id) for id in attempt["memories"])
        lines.append(f"          told from memory: {known}")
    if attempt["check"]:
        lines.append(f"          check {attempt['check']}")
    if attempt["error"]:
        lines.append(f"          {attempt['error']}")
    return lines
