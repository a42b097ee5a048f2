"""The schemas of the archive's lines for readers that ask no catalogue: ``schemas/readers``.

Such a reader infers its columns from the lines that it happens to read first. What only later lines
have is then lost without an error, or ends the read. With a schema all lines are read alike.

=========== ========================================================================================
``layout``  writes types within types on lines of their own
``writers`` the file of each reader: DuckDB, polars, pyarrow, ClickHouse
=========== ========================================================================================

``python -m devtools.reader_schemas`` writes, ``--check`` compares.
"""
