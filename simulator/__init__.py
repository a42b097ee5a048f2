"""The product on one machine: what `make run` and `make serve` start. All data are made up.

- ``event_server``: a server of the event API, faithful, strict, and faulty on demand.
- ``token_server``: a token endpoint; ``token_ledger`` holds the tokens that both servers know.
- ``injection``: which fault strikes when, at either server.
- ``aws``: the embedded AWS, the SAM CLI, and a stack deployed into it.
- ``ministack``: what the embedded AWS lacks, added to it in its own environment.
- ``athena``: Athena's SQL, answered by DuckDB.
- ``deployment``: servers, embedded AWS and stack together; ``catalogue`` asks and compacts.
- ``reconciliation``: the same events are published, acked, in S3 and in SQS.
- ``run``: the command behind `make run`.
- ``child_process``: processes that end with the one that started them.

Nothing here imports from ``tests``. Of the packages, only the package itself is imported.
"""
