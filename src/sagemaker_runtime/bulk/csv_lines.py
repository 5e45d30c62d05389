"""Lines of CSV that end with a line feed."""

from __future__ import annotations


class CSVLines(list[str]):
    """Takes the lines of `csv.writer`, which end with CR LF so that it quotes either character within a cell."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")
