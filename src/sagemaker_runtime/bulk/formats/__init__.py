"""How files are read as records."""
