"""The archive as tables: what the Glue catalogue, its views and the compaction are made of.

============== =====================================================================
``line_types`` what the lines have of each stream, from its descriptor
``released``   which columns compacted tables already have, in which order
``columns``    the same as columns, and those of the view and of the compacted table
``statements`` the SQL of views and compaction, in Athena's dialect
============== =====================================================================
"""
