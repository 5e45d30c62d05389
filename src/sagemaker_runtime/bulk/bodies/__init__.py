"""How records become requests, and responses one document a record."""
