"""Bulk runs in many processes: an engine runs a task for each part, and the driver alone publishes and commits parts."""
