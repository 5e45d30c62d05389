"""What parts of the output are published as."""
