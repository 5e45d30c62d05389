"""The page of a local endpoint: a browser's view of its calls and faults. Imported only if the page is on."""
