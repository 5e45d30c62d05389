"""The operations of the API, one file each; ``base`` is the language they are written in."""
