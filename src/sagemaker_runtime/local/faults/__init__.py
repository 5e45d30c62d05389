"""Faults: what is injected into calls on request."""
