"""encoding/csv, the reader: quotes are strict, blank lines are skipped, all records are as long as the first."""

from typing import NoReturn

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.values import byte_length


def read_records(text: str, mark: str) -> list[list[str]]:
    """All records; FunctionError with Go's text and place if one is malformed."""
    reader = _Reader(text.replace("\r\n", "\n"), mark)
    records: list[list[str]] = []
    while (record := reader.record()) is not None:
        if records and len(record) != len(records[0]):
            raise FunctionError(f"record on line {reader.started}: wrong number of fields")
        records.append(record)
    return records


class _Reader:
    def __init__(self, text: str, mark: str) -> None:
        self.text = text
        self.mark = mark
        self.at = 0
        self.started = 0

    def record(self) -> list[str] | None:
        while self.text.startswith("\n", self.at):
            self.at += 1
        if self.at >= len(self.text):
            return None
        self.started = self.line(self.at)
        fields = [self.field()]
        while self.text.startswith(self.mark, self.at):
            self.at += len(self.mark)
            fields.append(self.field())
        self.at += 1
        return fields

    def field(self) -> str:
        if self.text.startswith('"', self.at):
            return self.quoted()
        ends = [self.text.find(mark, self.at) for mark in (self.mark, "\n")]
        end = min((found for found in ends if found >= 0), default=len(self.text))
        quote = self.text.find('"', self.at, end)
        if quote >= 0:
            self.fail(quote, 'bare " in non-quoted-field')
        value, self.at = self.text[self.at : end], end
        return value

    def quoted(self) -> str:
        out: list[str] = []
        at = self.at + 1
        while True:
            end = self.text.find('"', at)
            if end < 0:
                self.unclosed()
            out.append(self.text[at:end])
            at = end + 2
            if not self.text.startswith('"', end + 1):
                break
            out.append('"')
        self.at = end + 1
        if self.at < len(self.text) and self.text[self.at] not in ("\n", self.mark):
            self.fail(end, 'extraneous or missing " in quoted-field')
        return "".join(out)

    def line(self, at: int) -> int:
        return 1 + self.text.count("\n", 0, at)

    def unclosed(self) -> NoReturn:
        end = len(self.text) - self.text.endswith("\n")
        self.fail(end, 'extraneous or missing " in quoted-field')

    def fail(self, at: int, why: str) -> NoReturn:
        line = self.line(at)
        column = byte_length(self.text[self.text.rfind("\n", 0, at) + 1 : at]) + 1
        if line != self.started:
            raise FunctionError(f"record on line {self.started}; parse error on line {line}, column {column}: {why}")
        raise FunctionError(f"parse error on line {line}, column {column}: {why}")
