"""The embedded AWS: ministack, what it lacks added, and a stack deployed into it."""
