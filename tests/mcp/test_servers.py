"""What clients' settings say of MCP servers, as values: formats, variables, mistakes."""

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_actors.mcp.servers import of_claude_json, of_codex_toml, of_mcp_json, together
from tests.support.mcp_servers import server

SECRET = "s3cr3t-value-0123456789"


def one_of(entry, environment=None):
    found = of_mcp_json({"mcpServers": {"one": entry}}, "f", environment or {})
    assert found.problems == ()
    return found.servers[0]


def codex(environment=None, **entry):
    return of_codex_toml({"mcp_servers": {"one": entry}}, "f", environment or {})


def test_a_command_with_arguments_and_environment_is_a_stdio_server():
    one = one_of({"command": "npx", "args": ["-y", "a"], "env": {"A": "1", "N": 2}})
    assert (one.transport, one.command, one.args) == ("stdio", "npx", ("-y", "a"))
    assert one.env == {"A": "1", "N": "2"}


@pytest.mark.parametrize(
    ("kind", "transport"), [("http", "http"), ("streamable-http", "http"), ("sse", "sse")]
)
def test_a_url_is_reached_as_its_type_says(kind, transport):
    one = one_of({"type": kind, "url": "https://a.example/mcp", "headers": {"X": "y"}})
    assert (one.transport, one.url, one.headers) == (transport, "https://a.example/mcp", {"X": "y"})


@pytest.mark.parametrize(
    ("text", "value", "missing"),
    [
        ("${A}", "set", ()),
        ("x-${A}-${A}", "x-set-set", ()),
        ("${NONE:-usual}", "usual", ()),
        ("${A:-usual}", "set", ()),
        ("${NONE:-}", "", ()),
        ("${NONE}", "", ("NONE",)),
        ("$A ${a b} ${}", "$A ${a b} ${}", ()),
    ],
)
def test_variables_are_put_in_and_those_that_are_not_set_are_named(text, value, missing):
    one = one_of({"command": "c", "env": {"E": text}}, {"A": "set"})
    assert one.env["E"] == value
    assert one.missing == missing


def test_variables_count_in_every_part_of_an_entry():
    entry = {"command": "${C}", "args": ["${D}"]}
    one = one_of(entry, {"C": "prog", "D": "arg"})
    assert (one.command, one.args, one.variables) == ("prog", ("arg",), ("C", "D"))
    web = one_of({"type": "http", "url": "${U}", "headers": {"H": "Bearer ${T}"}}, {"U": "u"})
    assert (web.url, web.missing) == ("u", ("T",))


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ([], "no table"),
        ({}, "has no command"),
        ({"command": 3}, "has no command"),
        ({"command": "a\0b"}, "has no command"),
        ({"type": "http"}, "has no url"),
        ({"type": "carrier-pigeon", "url": "u"}, "none of stdio, http, sse"),
        ({"type": ["http"], "url": "u"}, "none of stdio, http, sse"),
        ({"command": "c", "args": "a b"}, "args is no list"),
        ({"command": "c", "env": {"A": []}}, "env is no table"),
    ],
)
def test_a_bad_entry_is_told_and_costs_no_other(entry, why):
    found = of_mcp_json({"mcpServers": {"bad": entry, "good": {"command": "c"}}}, "file", {})
    assert [one.name for one in found.servers] == ["good"]
    (problem,) = found.problems
    assert problem.source == "file"
    assert "bad" in problem.error
    assert why in problem.error


@pytest.mark.parametrize("value", [None, [], "x", {"mcpServers": []}])
def test_a_file_that_holds_no_servers_is_a_problem(value):
    assert len(of_mcp_json(value, "file", {}).problems) == 1


def test_the_users_file_of_claude_holds_servers_for_all_and_for_projects():
    value = {
        "numStartups": 3,
        "mcpServers": {"user": {"command": "a"}},
        "projects": {"/p": {"mcpServers": {"own": {"command": "b"}}}, "/q": {"mcpServers": {}}},
    }
    found = of_claude_json(value, "~/.claude.json", {}, ("/p",))
    assert [(one.name, one.sources, one.folder) for one in found.servers] == [
        ("user", ("~/.claude.json",), ""),
        ("own", ("~/.claude.json (/p)",), "/p"),
    ]
    assert [one.name for one in of_claude_json(value, "f", {}, ()).servers] == ["user"]
    assert of_claude_json({"projects": 3}, "f", {}, ("/p",)).problems == ()


def test_codex_names_variables_and_expands_none():
    found = codex(
        {"T": "token", "H": "head", "V": "passed"},
        url="https://a.example/${X}",
        bearer_token_env_var="T",
        http_headers={"X-A": "a"},
        env_http_headers={"X-B": "H", "X-C": "UNSET"},
    )
    (one,) = found.servers
    assert one.url == "https://a.example/${X}"
    assert one.headers == {"X-A": "a", "Authorization": "Bearer token", "X-B": "head"}
    assert one.missing == ("UNSET",)


def test_codex_passes_on_variables_that_are_set():
    (one,) = codex({"V": "passed"}, command="c", env_vars=["V", {"name": "W"}, 3]).servers
    assert one.env == {"V": "passed"}
    assert one.missing == ()


def test_codex_says_what_is_off_where_it_starts_and_how_long_it_may_take():
    (one,) = codex(command="c", enabled=False, cwd="/w", startup_timeout_sec=42).servers
    assert (one.enabled, one.folder, one.startup_s) == (False, "/w", 42.0)


def test_the_same_server_in_two_files_is_one_with_both_named():
    here = of_mcp_json({"mcpServers": {"a": {"command": "c", "env": {"E": "1"}}}}, "one", {})
    there = of_codex_toml({"mcp_servers": {"a": {"command": "c", "env": {"E": "1"}}}}, "two", {})
    other = of_mcp_json({"mcpServers": {"a": {"command": "c"}}}, "three", {})
    both, alone = together([here, there, other]).servers
    assert both.sources == ("one", "two")
    assert alone.sources == ("three",)


URL = f"https://u:{SECRET}@h.example:1/{SECRET}?k={SECRET}#{SECRET}"


@pytest.mark.parametrize(
    ("more", "target"),
    [
        ({"command": f"/opt/{SECRET}/npx", "args": (SECRET,)}, "npx"),
        ({"transport": "http", "url": URL}, "https://h.example:1"),
        ({"transport": "http", "url": f"//{SECRET}@h/x"}, ""),
        ({"transport": "sse", "url": "nonsense"}, "nonsense"),
    ],
)
def test_what_is_shown_of_a_server_is_its_program_or_host(more, target):
    assert server(**more).target == target


def test_nothing_that_may_be_secret_is_in_its_repr():
    one = server(args=(SECRET,), env={"A": SECRET}, headers={"B": SECRET}, url=SECRET)
    assert SECRET not in repr(one)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["command", "args", "env", "url", "headers", "type", "env_vars", "cwd"])


@pytest.mark.slow
@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=5), JSON | st.dictionaries(KEYS, JSON), max_size=4))
def test_no_settings_break_a_reader(entries):
    for found in (
        of_mcp_json({"mcpServers": entries}, "f", {}),
        of_claude_json({"mcpServers": entries, "projects": entries}, "f", {}, ("",)),
        of_codex_toml({"mcp_servers": entries}, "f", {}),
    ):
        for one in found.servers:
            assert attrs.asdict(one)["transport"] in ("stdio", "http", "sse")
