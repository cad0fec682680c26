"""The table of commands: each word leads to the module that adds it."""

import argparse
import importlib

from atlas_actors.cli.main import COMMANDS


def test_each_module_adds_just_the_commands_that_it_is_imported_for():
    for module, commands in COMMANDS.items():
        groups = argparse.ArgumentParser().add_subparsers()
        importlib.import_module(f"atlas_actors.cli.{module}").add_to(groups)
        assert tuple(groups.choices) == commands
