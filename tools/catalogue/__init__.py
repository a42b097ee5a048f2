"""The archive as a table: what the Glue catalogue, its views and the compaction are made of.

============== =====================================================================================
``line_types`` what the lines have of each stream, from its descriptor
``released``   which columns compacted tables already have, in which order
``columns``    the same as columns, and those of the view and of the compacted table
``statements`` the SQL of views and compaction, in Athena's dialect
``tables``     the catalogue's tables, as Glue takes them
``schema``     the same, as types by table and column
``template``   writes ``catalogue.yaml``, and the generated block of ``compaction.yaml``
============== =====================================================================================

``python -m tools.catalogue`` writes, ``--check`` compares: a changed ``.proto`` can't leave the
table behind.
"""
