"""The check of a deployed stack from the operator's machine, which changes nothing there.

Facts are gathered first, each by calls that only read; then pure code judges them.

================== =================================================================================
``facts``          what is asked, as values: the seam between asking and judging
``answers``        an answer that can't be had, why, and what would help
``questions``      asks side by side, and what hangs on what
``ask_stack``      CloudFormation: the stack, its parameters, outputs and resources
``ask_services``   schedules, functions, key, topic, alarms, queues, quarantine, compaction
``ask_runs``       the function's log: the last runs of each stream
``ask_token``      the credentials, and a token: the kept one, else one that is minted
``ask_api``        the event API: its address, and each stream, opened for a moment
``examination``    wires these
``schedule_rule``  how long the gaps of a schedule are
``judge``          facts in, findings out; in ``judge_stack``, ``judge_access``, ``judge_running``
``finding``        one line of the result
``output``         what the operator sees
================== =================================================================================

``python -m drainctl.doctor --help`` says how to use it; docs/doctor.md what it asks and may do.
"""
