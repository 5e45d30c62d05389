"""The page of a run: a report as people look at it."""
