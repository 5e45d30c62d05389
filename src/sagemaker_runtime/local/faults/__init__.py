"""Faults that are injected into calls on request."""
