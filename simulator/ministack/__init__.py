"""Extensions of ministack: the program that runs it, and a module for each service.

These modules run in ministack's environment, `.venv-aws`, so they import only what needs no package
other than DuckDB and sqlglot. ministack has no public extension interface: each module's ``apply``
replaces functions of ministack.
"""
