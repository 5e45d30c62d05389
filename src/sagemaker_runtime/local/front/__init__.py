"""The HTTP side before the models: paths, checks, signatures and responses."""
