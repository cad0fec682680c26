"""What a person decides on the changes that a task made: look, apply, discard; run on a thread."""

from pathlib import Path
from typing import Any

import attrs

from atlas_actors.errors import Conflict
from atlas_actors.gateway import views
from atlas_actors.messages.workspace import Workspace
from atlas_actors.workspace import workspace as git


def workspace_of(state: Path, id: str) -> Workspace:
    """The workspace of a task that is over. Raises NotFound, Conflict."""
    task = views.task(state, id)
    if task["workspace"] is None:
        raise Conflict(f"task {id} changed no files", cure=f"atlas tasks show {id}")
    if task["state"] in ("pending", "in_progress"):
        raise Conflict(f"task {id} is {task['state']}: its work is not over")
    return Workspace(**task["workspace"])


def diff(state: Path, id: str) -> dict[str, Any]:
    """The changes as text."""
    workspace = workspace_of(state, id)
    return {"diff": git.diff(workspace), **_said(id, workspace)}


def apply(state: Path, id: str) -> Workspace:
    """Bring the changes into the person's directory."""
    return git.apply(workspace_of(state, id))


def discard(state: Path, id: str) -> Workspace:
    """Throw the changes away."""
    return git.discard(workspace_of(state, id))


def settled(id: str, workspace: Workspace) -> dict[str, Any]:
    """What is answered once it is done."""
    return _said(id, workspace)


def _said(id: str, workspace: Workspace) -> dict[str, Any]:
    return {"id": id, "summary": git.summary(workspace), "workspace": attrs.asdict(workspace)}
