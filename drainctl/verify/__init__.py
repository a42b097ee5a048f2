"""The check of a deployed catalogue: asks it every saved query, through Athena itself.

============ =======================================================================================
``stack``    what the deployed stack says of itself
``athena``   runs one query, and stops it when it is told to
``checks``   which queries with which parameters, and whether they were answered
``seam``     what the answer of a seam check means
``output``   what the operator sees
============ =======================================================================================

``python -m drainctl.verify --help`` says how to use it.
"""
