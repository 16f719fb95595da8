"""A command whose module is imported only when it is called or its own help is asked, since most of them import much."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import import_module
from inspect import cleandoc
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_group


class LazyCommand(TyperCommand):
    """Stands for a command, or a group of commands, in the help of all. Its callback is made by `lazily`."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """The context of the real command."""
        assert self.callback is not None
        return self.callback().make_context(*args, **kwargs)


def lazily(module: str, name: str, needs_workers: bool = False) -> Callable[[], Any]:
    """A function that imports a command from a module: a function, or a `typer.Typer` of several commands.

    Args:
        needs_workers: TensorFlow is imported in another process meanwhile.
    """

    def load() -> Any:
        if needs_workers and "--help" not in sys.argv:
            import_module("dashboard.cli.arguments").prepare_workers()
        found = getattr(import_module(module), name)
        holder = typer.Typer()
        if isinstance(found, typer.Typer):
            holder.add_typer(found, name=name)
        else:
            holder.command(name)(found)
        command = get_group(holder).commands[name]
        _unwrap_help(command)
        return command

    return load


def _unwrap_help(command: Any) -> None:
    """Joins the lines of each paragraph of the help, also of the commands of a group: only the terminal wraps them."""
    command.help = re.sub(r"(?<=\S)\n(?=\S)", " ", cleandoc(command.help or ""))
    for each in getattr(command, "commands", {}).values():
        _unwrap_help(each)
