"""The operator's command line: ``python -m drainctl``.

Each command is a package that exports ``main``. Its ``command`` module parses the options and
prints the result; its other modules do the work. All commands share the modules below.

================ ===================================================================================
``group``        the group of commands
``lazy_group``   a group that imports a command when it is used
``make_command`` usage lines and errors for commands that people start through make
``interrupt``    how Ctrl-C ends a command
``target``       the options for stack, region and profile, and the AWS session made from them
``stack``        a deployed stack, as CloudFormation describes it
``pseudonyms``   the names under which an archive may hold a subscription
``shell``        commands to paste into a shell
``output``       JSON for scripts, tables for people
``errors``       the error that ends a command with exit status 1
``catalogue``    the tables and saved queries of a stack; also used by the generators in devtools
================ ===================================================================================
"""

from __future__ import annotations

from drainctl.interrupt import INTERRUPTED
from drainctl.lazy_group import LazyGroup
from drainctl.make_command import MakeCommand

__all__ = ["INTERRUPTED", "LazyGroup", "MakeCommand"]
