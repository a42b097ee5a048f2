"""What users run on a laptop: event server, token server, embedded AWS, `make run`."""
