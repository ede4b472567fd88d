"""Who is served when, and the processes that do the work."""
