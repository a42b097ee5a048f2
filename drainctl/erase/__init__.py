"""Deletes what a stack keeps of a subscriber, on request; see docs/personal-data.md.

============== =====================================================================================
``subject``    who it is: in lines, in raw messages, in the table, on the receipt
``store``      the bucket, version by version
``objects``    the pass over lines and quarantine
``table``      the pass over the compacted table
``days``       where each day of the table is, as Glue has it
``findings``   what was found and deleted, counted
``receipt``    the file that says so
``places``     where a deployed stack has all this
============== =====================================================================================
"""
