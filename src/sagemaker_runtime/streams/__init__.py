"""
Streams of events: their frames, their contents, and the streams that a caller reads.

``messages`` and ``frames`` have the encoding, ``parsers`` joins text, lines and documents, ``response_stream`` and
``duplex_stream`` have the streams themselves.
"""
