"""How records become requests, and responses become one document per record."""
