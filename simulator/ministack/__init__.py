"""What ministack lacks, added to it: the program that runs it, and a module for each service.

These modules run in ministack's own environment, `.venv-aws`: of ours, they import only what needs
no other package than DuckDB and sqlglot. ministack has no public way to be extended: each module's
``teach`` replaces functions of it.
"""
