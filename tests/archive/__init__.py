"""A made-up archive, as large as one likes, and what the saved queries must answer about it.

:mod:`~tests.archive.objects` makes the objects, :mod:`~tests.archive.expected` the answers, both of
the same plain facts; ``python -m tests.archive`` writes an archive to a folder.
"""
