"""What a person decides on the changes that a task made: look, apply, discard; run on a thread."""

from typing import Any

import attrs

from atlas_actors.config import Home
from atlas_actors.errors import Conflict
from atlas_actors.gateway import views
from atlas_actors.messages.task import UNFINISHED
from atlas_actors.messages.workspace import Workspace
from atlas_actors.workspace import workspace as git


def workspace_of(home: Home, id: str) -> Workspace:
    """The workspace of a task that is over. Raises NotFound, Conflict, UsageError."""
    task = views.task(home.state, id)
    if task["workspace"] is None:
        raise Conflict(f"task {id} changed no files", cure=f"atlas tasks show {id}")
    if task["state"] in UNFINISHED:
        raise Conflict(f"task {id} is {task['state']}: its work is not over")
    workspace = Workspace(**task["workspace"])
    git.check_own(workspace, home.workspaces, id)
    return workspace


def diff(home: Home, id: str) -> dict[str, Any]:
    """The changes as text."""
    workspace = workspace_of(home, id)
    return {"diff": git.diff(workspace), **_said(id, workspace)}


def apply(home: Home, id: str) -> Workspace:
    """Bring the changes into the person's directory."""
    return git.apply(workspace_of(home, id))


def discard(home: Home, id: str) -> Workspace:
    """Throw the changes away."""
    return git.discard(workspace_of(home, id))


def settled(id: str, workspace: Workspace) -> dict[str, Any]:
    """What is answered once it is done."""
    return _said(id, workspace)


def _said(id: str, workspace: Workspace) -> dict[str, Any]:
    return {"id": id, "summary": git.summary(workspace), "workspace": attrs.asdict(workspace)}
