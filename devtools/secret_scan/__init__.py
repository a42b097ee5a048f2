"""A search for secrets in all files of the project, with a list of what is none."""
