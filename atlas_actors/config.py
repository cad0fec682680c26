"""Settings: defaults.toml < config.toml < ATLAS_* variables, every value checked."""

import os
import re
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import re2

from atlas_actors.errors import SettingsError
from atlas_actors.home import Home as Home  # noqa: PLC0414 - the rooms take it from here
from atlas_actors.home import home_from
from atlas_actors.providers.catalog import CAPABILITIES
from atlas_actors.providers.prices import PriceTable, load_prices
from atlas_actors.setting_values import DEFAULTS_FILE, structure
from atlas_actors.settings import (
    BudgetSettings,
    CheckSettings,
    ContextSettings,
    CycleSettings,
    DaemonSettings,
    DetectorSettings,
    FeedbackSettings,
    GroupSettings,
    HandoffSettings,
    HookSettings,
    IntentSettings,
    McpSettings,
    MemorySettings,
    PrivacySettings,
    ProposalSettings,
    ProviderSettings,
    RetentionSettings,
    RoutingSettings,
    Rule,
    SchedulerSettings,
    SocketSettings,
    StrategySettings,
    TaskSettings,
)

# The sections of which there may be any number.
_NAMED: Final = ("providers.NAME", "intents.NAME", "groups.NAME", "checks.NAME", "[rules]")


@attrs.frozen(kw_only=True)
class Config:
    """All settings, checked."""

    home: Home
    daemon: DaemonSettings
    privacy: PrivacySettings
    socket: SocketSettings
    tasks: TaskSettings
    handoffs: HandoffSettings
    scheduler: SchedulerSettings
    proposals: ProposalSettings
    detectors: DetectorSettings
    cycle: CycleSettings
    routing: RoutingSettings
    outcomes: RetentionSettings
    memory: MemorySettings
    context: ContextSettings
    strategies: StrategySettings
    feedback: FeedbackSettings
    hooks: HookSettings
    mcp: McpSettings
    budget: BudgetSettings
    providers: dict[str, ProviderSettings]
    prices: PriceTable
    intents: dict[str, IntentSettings] = attrs.field(factory=dict)
    groups: dict[str, GroupSettings] = attrs.field(factory=dict)
    checks: dict[str, CheckSettings] = attrs.field(factory=dict)
    rules: tuple[Rule, ...] = ()


def load(environment: Mapping[str, str]) -> Config:
    """Read the settings of a home. Raises SettingsError with file, key and a valid value."""
    home = home_from(environment)
    tables = tomllib.loads(DEFAULTS_FILE.read_text("utf-8"))
    origins: dict[tuple[str, ...], str] = {}
    file = home.root / "config.toml"
    if os.path.exists(file):  # noqa: PTH110 - where we may not look, make_home says so
        _merge(tables, _read(file), str(file), origins)
    _merge_variables(tables, environment, origins)
    sections: dict[str, Any] = {}
    for field in attrs.fields(Config):
        if field.name in ("home", "providers", "prices", "intents", "groups", "checks", "rules"):
            continue
        kind = typing.get_type_hints(Config)[field.name]
        sections[field.name] = structure(kind, tables.pop(field.name), (field.name,), origins)
    providers = {
        name: structure(ProviderSettings, {**table, "name": name}, ("providers", name), origins)
        for name, table in tables.pop("providers").items()
    }
    intents = _tables(IntentSettings, tables, "intents", origins)
    groups = _tables(GroupSettings, tables, "groups", origins)
    checks = _tables(CheckSettings, tables, "checks", origins)
    rules = _rules(tables.pop("rules", []), str(file))
    for unknown in tables:
        raise SettingsError(
            f"{origins.get((unknown,), file)}: there is no section [{unknown}]",
            cure=f"one of: {', '.join([*sections, *_NAMED])}",
        )
    config = Config(
        home=home,
        providers=providers,
        prices=load_prices(home.prices),
        intents=intents,
        groups=groups,
        checks=checks,
        rules=rules,
        **sections,
    )
    for settings in providers.values():
        _check_provider(settings, origins)
    _check_tiers(config, origins)
    _check_reader(config, origins)
    _check_reflecting(config, origins)
    _check_hook_rules(config, str(file))
    return config


def _check_provider(settings: ProviderSettings, origins: Mapping[tuple[str, ...], str]) -> None:
    """What one setting alone cannot show. A key in the file itself is refused, unsaid."""
    here = ("providers", settings.name)
    where = origins.get(here, str(DEFAULTS_FILE))
    if settings.key_env and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", settings.key_env):
        raise SettingsError(
            f"{where}: {'.'.join(here)}.key_env must be the name of a variable, not the key",
            cure='key_env = "ANTHROPIC_API_KEY", or key_command = ["pass", "show", "api"]',
        )
    strange = set(settings.capabilities or ()) - set(CAPABILITIES)
    if strange:
        raise SettingsError(
            f"{where}: {'.'.join(here)}.capabilities: there is no {', '.join(sorted(strange))}",
            cure=f"of: {', '.join(CAPABILITIES)}",
        )
    problem = _url_problem(settings.base_url)
    if problem:
        raise SettingsError(f"{where}: {'.'.join(here)}.base_url {problem}")


def _url_problem(url: str) -> str:
    """What is wrong with the address of a server; it is not shown, it may hold a password."""
    if not url:
        return ""
    if not url.startswith(("http://", "https://")):
        return "must begin with http:// or https://"
    try:
        parts = urlsplit(url)
        known = parts.hostname is not None and parts.port != 0
    except ValueError as error:
        return f"is no address: {error}"
    if parts.username or parts.password:
        return "must hold no user or password: a key has key_env or key_command"
    return "" if known else "names no host"


def _check_tiers(config: Config, origins: Mapping[tuple[str, ...], str]) -> None:
    """Every tier that is named must be one of [routing] tiers."""
    tiers = config.routing.tiers
    if not tiers or len(set(tiers)) < len(tiers):
        where = origins.get(("routing", "tiers"), str(DEFAULTS_FILE))
        raise SettingsError(f"{where}: routing.tiers must name each tier once, cheapest first")
    for section in ("providers", "intents"):
        for name, settings in getattr(config, section).items():
            if settings.tier is not None and settings.tier not in tiers:
                where = origins.get((section, name, "tier"), str(DEFAULTS_FILE))
                raise SettingsError(
                    f"{where}: {section}.{name}.tier is {settings.tier!r},"
                    f" but must be one of {', '.join(tiers)}"
                )


def _check_reader(config: Config, origins: Mapping[tuple[str, ...], str]) -> None:
    """Who reads every session must be there, and cost nothing."""
    name = config.memory.learn_with
    if not name:
        return
    where = origins.get(("memory", "learn_with"), str(DEFAULTS_FILE))
    settings = config.providers.get(name)
    if settings is None:
        raise SettingsError(
            f"{where}: memory.learn_with is {name!r}, which is no provider",
            cure=f"one of: {', '.join(config.providers)}",
        )
    if config.prices.costs(settings):
        raise SettingsError(
            f"{where}: memory.learn_with is {name!r}, which costs money",
            cure="a local provider, or atlas learn FILE --with PROVIDER --budget USD by hand",
        )


def _check_reflecting(config: Config, origins: Mapping[tuple[str, ...], str]) -> None:
    """Who thinks over what failed must be there; it may cost, a little and a few times a day."""
    name = config.strategies.reflect_with
    if name and name not in config.providers:
        where = origins.get(("strategies", "reflect_with"), str(DEFAULTS_FILE))
        raise SettingsError(
            f"{where}: strategies.reflect_with is {name!r}, which is no provider",
            cure=f"one of: {', '.join(config.providers)}",
        )


def _check_hook_rules(config: Config, file: str) -> None:
    """What the tables of [[hooks.rules]] say must be possible."""
    rules = config.hooks.rules
    if len({rule.id for rule in rules}) < len(rules):
        raise SettingsError(f"{file}: two [[hooks.rules]] have the same id")
    for rule in rules:
        problem = pattern_problem(rule.match) if rule.match else ""
        if not problem and not rule.reason.strip():
            problem = "the reason must not be empty: the agent is shown it"
        if not problem and not (rule.tools or rule.match or rule.paths):
            problem = "it would deny everything: name tools, a match or paths"
        if problem:
            raise SettingsError(f"{file}: hooks.rules.{rule.id}: {problem}")


def _rules(rows: Any, file: str) -> tuple[Rule, ...]:
    if not isinstance(rows, list):
        raise SettingsError(f"{file}: rules are written as [[rules]] tables")
    found = tuple(
        structure(Rule, row, ("rules", str(number)), {("rules", str(number)): file})
        for number, row in enumerate(rows, 1)
    )
    if len({rule.id for rule in found}) < len(found):
        raise SettingsError(f"{file}: two [[rules]] have the same id")
    for rule in found:
        problem = "" if rule.pattern or rule.words else "it needs a pattern or words"
        if rule.pattern and not rule.pattern.startswith("^"):
            problem = "pattern must begin with ^"
        for pattern in (rule.pattern, rule.unless):
            problem = problem or pattern_problem(pattern)
        if problem:
            raise SettingsError(f"{file}: rules.{rule.id}: {problem}")
    return found


def pattern_problem(pattern: str) -> str:
    """What RE2 has against a pattern (it has no look-around and no back-references), or empty."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else error
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return ""


def _section(value: Any, name: str, origins: Mapping[tuple[str, ...], str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{origins.get((name,), 'settings')}: {name} must be a section")
    return value


def _tables(
    kind: type, tables: dict[str, Any], section: str, origins: Mapping[tuple[str, ...], str]
) -> dict[str, Any]:
    """[SECTION.NAME], of which there may be any number."""
    return {
        name: structure(kind, _named(table, name), (section, name), origins)
        for name, table in _section(tables.pop(section, {}), section, origins).items()
    }


def _named(table: Any, name: str) -> Any:
    return {**table, "name": name} if isinstance(table, dict) else table


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not valid TOML: {error}") from error
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error


def _merge(
    tables: dict[str, Any],
    new: Mapping[str, Any],
    origin: str,
    origins: dict[tuple[str, ...], str],
    path: tuple[str, ...] = (),
) -> None:
    for key, value in new.items():
        here = (*path, key)
        origins[here] = origin
        present = tables.get(key)
        if isinstance(value, dict) and (present is None or isinstance(present, dict)):
            _merge(tables.setdefault(key, {}), value, origin, origins, here)
        elif isinstance(present, dict):
            raise SettingsError(f"{origin}: {'.'.join(here)} is a section, not {value!r}")
        else:
            tables[key] = value


def _merge_variables(
    tables: dict[str, Any],
    environment: Mapping[str, str],
    origins: dict[tuple[str, ...], str],
) -> None:
    """ATLAS_SECTION_KEY and ATLAS_PROVIDERS_NAME_KEY; the text is read as a TOML value."""
    for section, keys in _variable_names(tables).items():
        for key in keys:
            variable = "_".join(("ATLAS", *section, key)).upper().replace("-", "_")
            if variable not in environment:
                continue
            table = tables
            for part in section:
                table = table[part]
            text = environment[variable]
            try:
                table[key] = tomllib.loads(f"value = {text}")["value"]
            except tomllib.TOMLDecodeError:
                table[key] = text
            origins[(*section, key)] = f"${variable}"


def _variable_names(tables: Mapping[str, Any]) -> dict[tuple[str, ...], list[str]]:
    names: dict[tuple[str, ...], list[str]] = {}
    for section, table in tables.items():
        if section == "providers":
            keys = [field.name for field in attrs.fields(ProviderSettings)]
            for name in table:
                names["providers", name] = [key for key in keys if key != "name"]
        elif isinstance(table, dict):
            names[(section,)] = list(table)
    return names
