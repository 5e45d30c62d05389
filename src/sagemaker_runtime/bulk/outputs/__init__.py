"""The formats in which parts of the output are published."""
