"""The schemas of the archive's lines for readers without a catalogue: ``schemas/readers``.

Such a reader infers the columns from the first lines. A field that only later lines have is then
lost without an error, or fails the read. With a schema all lines are read in the same way.

=========== ========================================================================================
``layout``  formats nested types
``writers`` the file of each reader: DuckDB, polars, pyarrow, ClickHouse
=========== ========================================================================================

``python -m devtools.reader_schemas`` writes, ``--check`` compares.
"""
