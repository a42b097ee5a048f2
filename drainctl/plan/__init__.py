"""A calculator: an event rate in, the stack's parameters, its lag and its monthly cost out."""
