"""The product on one machine, for `make run`, `make up` and `make serve`. All data are made up.

- ``event_server``: a server of the event API: faithful, strict, with faults on demand.
- ``token_server``: a token endpoint; ``token_ledger`` holds the tokens that both servers know.
- ``injection``: decides which fault strikes when, at both servers.
- ``aws``: the embedded AWS, the SAM CLI, and a stack deployed into it.
- ``ministack``: extensions of the embedded AWS, which run in its own environment.
- ``athena``: Athena's SQL, answered by DuckDB.
- ``deployment``: servers, embedded AWS and stack together; ``catalogue`` queries and compacts.
- ``reconciliation``: checks that the same events are published, acked, in S3 and in SQS.
- ``local``: a stack that stays, of `make up`, `make status` and `make down`.
- ``run``: the command behind `make run`; ``python -m simulator`` lists all commands.
- ``child_process``: processes that end with the one that started them.

Nothing here imports from ``tests``. Of the packages, only the package itself is imported.
"""
