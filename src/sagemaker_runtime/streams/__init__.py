"""
Streams of events: their frames, their contents, and the stream that a caller reads.

``frames`` is the encoding, ``parsers`` joins text, lines and documents, ``response_stream`` is the stream itself.
"""
