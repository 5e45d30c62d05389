"""
Streams of events: their frames, what the parts make up together, and the stream that a caller reads.

``frames`` is the encoding, ``parsers`` puts text, lines and documents together, ``response_stream`` is the stream itself.
"""
