"""Faults that calls are made to meet."""
