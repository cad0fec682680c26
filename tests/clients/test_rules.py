"""What the user's rules deny, and what a hook knows of them by itself."""

import fnmatch
import importlib.util
import json

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atlas_actors.clients.adapter import CLIENTS, event_of
from atlas_actors.clients.rules import RuleBook, closed_lines
from atlas_actors.clients.table import TOOL_KINDS, table_of
from atlas_actors.settings import HookRule
from tests.clients.payloads import CWD, payload, shell, tool
from tests.support.hooks import HOOK


def refusal(client, told, lines):
    """What scripts/hook says to this while nobody can be asked."""
    file = HOOK.with_name("hook_unanswered.py")
    spec = importlib.util.spec_from_file_location("hook_unanswered", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.refusal(client.encode(), json.dumps(told, indent=1).encode(), lines.split(b"\n"))


def rule(**given):
    return HookRule(**{"id": "r", "reason": "for people", **given})


def denied(told, *rules, client="claude", project=CWD):
    found = RuleBook(rules).denies(event_of(client, "", told), told, project)
    return found.id if found else None


@pytest.mark.parametrize("client", CLIENTS)
def test_a_command_that_matches_is_denied_at_every_client(client):
    push = rule(tools=("shell",), match="git push .*--force")
    assert denied(shell(client, "cd x && git push -u --force"), push, client=client) == "r"
    assert denied(shell(client, "git push"), push, client=client) is None


def test_every_given_condition_must_hold():
    strict = rule(tools=("read",), paths=("**/.env",), match="limit", clients=("claude",))
    told = tool("claude", "Read", {"file_path": f"{CWD}/.env", "limit": 5})
    assert denied(told, strict) == "r"
    assert denied(tool("claude", "Read", {"file_path": f"{CWD}/.env"}), strict) is None
    assert denied(tool("claude", "Edit", {"file_path": f"{CWD}/.env", "limit": 5}), strict) is None
    assert denied(told, attrs.evolve(strict, clients=("codex",))) is None


def test_the_first_rule_that_denies_is_told():
    told = shell("claude", "rm -rf /")
    assert (
        denied(told, rule(id="a", match="cp"), rule(id="b", match="rm"), rule(id="c", match="rm"))
        == "b"
    )


def test_a_match_is_looked_for_in_the_whole_input_of_other_tools():
    told = tool(
        "claude", "Write", {"file_path": "/a", "content": "größe = 'x'" + "y" * 30_000 + "END"}
    )
    assert denied(told, rule(tools=("Write",), match="größe.*END")) == "r"
    assert denied(told, rule(tools=("edit",), match=r'"file_path":"/a"')) == "r"


def test_the_raw_command_is_matched_beyond_what_is_kept():
    told = shell("claude", "echo " + "x" * 50_000 + "; rm -rf /")
    assert denied(told, rule(tools=("shell",), match="rm -rf")) == "r"


@pytest.mark.parametrize(
    ("command", "is_denied"),
    [
        ("cat .env", True),
        ("cat sub/.env", True),
        ("cat sub/../.env", True),
        ("grep K .env", True),
        (f"cat {CWD}/.env", True),
        ("cd sub && head -5 .env", True),
        ("cat env", False),
        ("echo x > .env", False),
        ("cat ../.env", False),
        ("cat $F", False),
    ],
)
def test_a_rule_about_reading_holds_for_simple_commands(command, is_denied):
    reading = rule(tools=("read",), paths=("**/.env",))
    assert bool(denied(shell("claude", command), reading)) is is_denied
    assert bool(denied(shell("codex", command), reading, client="codex")) is is_denied


@pytest.mark.parametrize("name", ["edit", "Edit"])
def test_a_rule_about_editing_holds_for_patches_and_redirections(name):
    editing = rule(tools=(name,), paths=("migrations/**",))
    patch = "apply_patch <<'E'\n*** Begin Patch\n*** Update File: migrations/001.sql\nE"
    assert denied(shell("claude", patch), editing) == "r"
    assert denied(shell("claude", "echo x >> migrations/002.sql"), editing) == "r"
    assert denied(shell("claude", "cat migrations/001.sql"), editing) is None
    assert denied(tool("claude", "Edit", {"file_path": "migrations/1"}), editing) == "r"


def test_a_rule_for_all_tools_holds_for_those_that_nobody_knows():
    everything = rule(paths=("**/.env",))
    assert (
        denied(tool("claude", "mcp__fs__read_files", {"paths": ["a", ".env"]}), everything) == "r"
    )
    assert denied(tool("claude", "Novel", {"file_path": ".env"}), everything) == "r"
    assert denied(tool("claude", "mcp__fs__read", {"path": "/x", "n": 1}), everything) is None


def test_tools_of_an_mcp_server_can_be_named_by_a_glob():
    told = tool("claude", "mcp__github__delete_repo", {})
    assert denied(told, rule(tools=("mcp__github__*",))) == "r"
    assert denied(told, rule(tools=("mcp",))) == "r"
    assert denied(told, rule(tools=("mcp__files__*",))) is None


def test_a_symlink_is_seen_through(tmp_path):
    project = tmp_path / "project"
    (project / "secrets").mkdir(parents=True)
    (project / "secrets/key").write_text("k")
    (project / "link").symlink_to("secrets/key")
    (tmp_path / "other").symlink_to(project)
    secret = rule(tools=("read",), paths=("secrets/**",))
    for path in ("link", "secrets/key", f"{tmp_path}/other/secrets/key", "x/../secrets"):
        told = {**tool("claude", "Read", {"file_path": path}), "cwd": str(project)}
        assert denied(told, secret, project=str(project)) == "r", path
    absolute = rule(paths=(f"{tmp_path}/other/secrets/*",))
    told = tool("claude", "Read", {"file_path": str(project / "secrets/key")})
    assert denied(told, absolute) == "r"


def test_a_project_that_is_a_symlink_is_meant_by_its_real_name_too(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    told = tool("claude", "Read", {"file_path": f"{tmp_path}/real/.env"})
    assert denied(told, rule(paths=(".env",)), project=f"{tmp_path}/link") == "r"


def test_without_a_project_relative_globs_are_of_the_directory():
    told = tool("claude", "Read", {"file_path": ".env"})
    assert denied(told, rule(paths=(".env",)), project=None) == "r"


def test_more_files_than_are_kept_are_looked_at():
    command = "cat " + " ".join(f"f{number}" for number in range(200)) + " .env"
    assert denied(shell("claude", command), rule(paths=(".env",))) == "r"


def test_only_what_has_not_happened_yet_is_denied():
    told = {**shell("claude", "rm x"), "hook_event_name": "PostToolUse", "tool_response": ""}
    assert denied(told, rule(match="rm")) is None
    asked = payload("claude", "PermissionRequest", tool_name="Bash", tool_input={"command": "rm x"})
    assert denied(asked, rule(match="rm")) == "r"
    assert denied(payload("claude", "PreToolUse"), rule(match="rm")) is None


def test_input_of_any_form_is_matched():
    deep = json.loads("[" * 900 + "]" * 900)
    hostile = [
        deep,
        None,
        3,
        "rm x",
        ["rm x"],
        {"command": 3},
        {"command": ["rm", 3]},
        {"a": "\ud800"},
    ]
    for inside in hostile:
        denied(tool("claude", "Bash", inside), rule(match="rm", paths=("a",)))
    assert denied(tool("claude", "Bash", {"command": ["rm", 3]}), rule(match="rm")) == "r"


def test_the_hook_knows_which_tools_are_denied_while_nobody_can_be_asked():
    rules = [
        rule(
            id="a",
            tools=("shell",),
            match="x",
            reason="ask\tfirst\nplease",
            when_unreachable="deny",
        ),
        rule(id="b", tools=("mcp__github__*", "a,b"), clients=("codex",), when_unreachable="deny"),
        rule(id="m", tools=("mcp",), match="x", clients=("gemini",), when_unreachable="deny"),
        rule(id="n", tools=("agent",), clients=("codex",), when_unreachable="deny"),
        rule(id="o", match="x", clients=("codex",), when_unreachable="deny"),
        rule(id="c", paths=(".env",), clients=("gemini",), when_unreachable="deny"),
        rule(id="d", tools=("search",), clients=("codex",), when_unreachable="deny"),
        rule(id="e", tools=("shell",)),
    ]
    assert closed_lines(rules).decode().splitlines() == [
        "claude\tBash,PowerShell\task first please",
        "codex\tBash,shell,local_shell,exec_command\task first please",
        "gemini\trun_shell_command\task first please",
        "codex\tmcp__github__*,a*b\tfor people",
        "gemini\tmcp__*\tfor people",
        "codex\tspawn_agent,send_input,resume_agent\tfor people",
        "codex\t*\tfor people",
        "gemini\tread_file,read_many_files,write_file,replace,list_directory,glob,grep_search,"
        "search_file_content,run_shell_command,mcp__*\tfor people",
        "codex\tgrep_files,list_dir\tfor people",
    ]
    assert closed_lines([]) == b""


@given(
    st.text("ab_*?[]!-,", min_size=1, max_size=8),
    st.text("ab_*?[]!-", min_size=1, max_size=8),
)
@example("mcp__*__[ab,]*", "mcp__x__b,")
def test_the_hook_denies_each_tool_that_a_name_in_a_rule_means(glob, name):
    if not fnmatch.fnmatchcase(name, glob):
        return
    one = rule(tools=(glob,), when_unreachable="deny", clients=("claude",))
    assert refusal("claude", tool("claude", name, {}), closed_lines([one])) == b"for people"


@pytest.mark.parametrize(
    ("glob", "name", "is_denied"),
    [
        ("mcp__*", "mcp__a__b", True),
        ("mcp__*", "mcp_", False),
        ("mcp__a__*", "mcp__b__c", False),
        ("*Edit", "NotebookEdit", True),
        ("*Edit", "Edits", False),
        ("mcp__*__get*", "mcp__a__get_b", True),
        ("mcp__*__get*", "mcp__get", False),
        ("aba*aba", "aba", False),
        ("B?sh", "Bash", True),
        ("B[!b]sh", "Bash", True),
        ("bash", "Bash", False),
    ],
)
def test_a_name_with_wildcards_denies_what_it_means(glob, name, is_denied):
    one = rule(tools=(glob,), when_unreachable="deny", clients=("claude",))
    assert bool(refusal("claude", tool("claude", name, {}), closed_lines([one]))) == is_denied


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("kind", [*sorted(TOOL_KINDS), None])
def test_what_a_rule_about_a_kind_of_tool_denies_is_denied_while_nobody_can_be_asked(client, kind):
    one = rule(tools=(kind,) if kind else (), paths=() if kind else ("**",),
               when_unreachable="deny")  # fmt: skip
    names = [*table_of(client).tools, "mcp__a__b"]
    lines = closed_lines([one])
    for name in names:
        told = tool(client, name, {"file_path": "/x", "command": "cat /x"})
        if denied(told, one, client=client):
            assert refusal(client, told, lines), name
    odd = {**tool(client, "odd", {"path": "/x"}), "mcp_context": {"server_name": "files"}}
    if denied(odd, one, client=client):
        assert refusal(client, odd, lines)
