"""The page of a local endpoint: what arrives, and how to make it fail, in a browser. Imported only where it is on."""
