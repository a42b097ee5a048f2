"""The operator's command line: ``python -m drainctl`` with doctor, plan, verify, replay and erase.

Each command is a package that exports it as ``main``: its ``command`` module reads the options and
prints, the others do the work. The modules beside them are what the commands share.

================ ===================================================================================
``group``        the command line itself; imports a command when it is used
``make_command`` usage lines and errors for commands that people start through make
``target``       the options that name stack, region and profile, and the AWS session they make
``stack``        a deployed stack, as CloudFormation describes it
``pseudonyms``   the names under which an archive may hold a subscription
``shell``        commands to paste into a shell
``output``       JSON for scripts, tables for people
``errors``       what ends a command with exit status 1
``catalogue``    the tables and saved queries of a stack; shared with the templates' generators
================ ===================================================================================
"""

from __future__ import annotations

from drainctl.make_command import MakeCommand

__all__ = ["MakeCommand"]
