"""Reads csv files as spreadsheets write them: their encodings, separators and line ends."""

import csv
import dataclasses
import io
import re
import unicodedata
from collections.abc import Collection
from pathlib import Path

from input_pipeline.releases.tables.row_numbers import drop_row_numbers
from ssa2d_jax.utils.errors import InputError

_LARGEST = 1 << 28  # bytes
_SEPARATORS = (",", ";", "\t", "|")
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<separator>.)"?[,;\t|]*', re.IGNORECASE)  # which Excel writes and reads
_AS_TEXT = re.compile(r'="(.*)"')  # a formula that keeps Excel from changing 00017 to 17
_WORKBOOKS = {b"PK\x03\x04": ".xlsx or .ods", b"\xd0\xcf\x11\xe0": ".xls"}
_SAVE = "save it as csv in UTF-8"
# By how many languages of Western Europe have them, about. The last ones, and letters that are not here, stand for
# others in Turkish and Czech tables.
_LETTERS = "éáíóúàèäöüßçñêâôîëïåøæùìòãõœþðý"


@dataclasses.dataclass(frozen=True)
class CsvText:
    """The cells of a csv file.

    Attributes:
        header: The names of the columns, lower case, without empty ones at the end.
        header_line: The number of their line in the file, from 1.
        lines: The other lines that have a cell that is not empty, each with its number.
        guesses: What was guessed about the file, as warnings.
    """

    header: tuple[str, ...]
    header_line: int
    lines: tuple[tuple[int, tuple[str, ...]], ...]
    guesses: tuple[str, ...]

    def by_column(self, place: str, cells: tuple[str, ...]) -> dict[str, str]:
        """The cells of a line by column. Raises InputError, which begins with `place`, if they don't fit the header."""
        cells = _without_empty_end(cells, len(self.header))
        if len(cells) != len(self.header):
            columns = f"{len(cells)} column" + "s" * (len(cells) != 1)
            raise InputError(f"{place}: has {columns}, but line {self.header_line} has {len(self.header)}")
        for number, (name, cell) in enumerate(zip(self.header, cells, strict=True), 1):
            if cell and not name:
                raise InputError(
                    f"{place}: column {number} has {cell!r}, but no name in line {self.header_line}; delete the column"
                )
        return {name: cell for name, cell in zip(self.header, cells, strict=True) if name}


def read_csv(path: Path, required: Collection[str]) -> CsvText:
    """Reads a csv file, whose separator is the one that gives its first line the `required` columns.

    Cells have no spaces at their ends. Whether the header is right is left to the caller.

    Raises:
        InputError: The file is not a table of text.
    """
    text, guesses = _decode(path)
    separators = list(_SEPARATORS)
    top, *rest = re.split(r"\r\n|\r|\n", text, maxsplit=1)
    named = _SEPARATOR_LINE.fullmatch(top.strip(" "))
    first = 1
    if named:
        separator = named["separator"]
        if separator not in _SEPARATORS:
            raise InputError(f"{path}: line 1 names the separator {separator!r}; allowed: , ; | and tab")
        separators = [separator, *(other for other in _SEPARATORS if other != separator)]
        text, first = "".join(rest), 2
    tables = [_split(path, text, separator, first, fails=False) for separator in separators]
    headers = [{cell.lower() for cell in table[0][1]} if table else set() for table in tables]
    fitting = [set(required) <= header for header in headers]
    widths = [len(header) for header in headers]
    best = fitting.index(True) if any(fitting) else widths.index(max(widths))
    lines = _split(path, text, separators[best], first, fails=True)
    if not lines:
        return CsvText((), 1, (), guesses)
    (number, header), *lines = lines
    names = _without_empty_end(tuple(cell.lower() for cell in header), 0)
    names, kept, dropped = drop_row_numbers(names, tuple(lines))
    return CsvText(names, number, kept, (*guesses, *(f"{path}: {text}" for text in dropped)))


def _without_empty_end(cells: tuple[str, ...], least: int) -> tuple[str, ...]:
    """The cells without the empty ones at the end, but at least `least`."""
    filled = max((number for number, cell in enumerate(cells, 1) if cell), default=0)
    return cells[: max(filled, least)]


def _split(path: Path, text: str, separator: str, first: int, *, fails: bool) -> list[tuple[int, tuple[str, ...]]]:
    """The lines that aren't empty with their numbers, of which `first` is that of the text's first line.

    If it is only tried (`fails` is False), a line that can't be split ends the table, and one line is enough.
    """
    # newline="": every kind of line end is one, and within quotes it is a part of the cell.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    lines: list[tuple[int, tuple[str, ...]]] = []
    number = first  # of the line in which a row begins
    try:
        for row in reader:
            cells = tuple(map(_clean_cell, row))
            if any(cells):
                lines.append((number, cells))
                if not fails:
                    break
            number = first + reader.line_num
    except csv.Error as error:
        if fails:
            raise InputError(f"{path}, line {number}: not a line of a csv file ({error})") from error
    return lines


def _clean_cell(cell: str) -> str:
    cell = cell.strip()
    as_text = _AS_TEXT.fullmatch(cell)
    return as_text[1].strip() if as_text else cell


def _decode(path: Path) -> tuple[str, tuple[str, ...]]:
    """The text of a file, and what was guessed about its encoding."""
    if path.stat().st_size > _LARGEST:
        raise InputError(f"{path}: has more than {_LARGEST >> 20} MiB; divide the data into several folders")
    data = path.read_bytes()
    for start, kind in _WORKBOOKS.items():
        if data.startswith(start):
            raise InputError(f"{path}: is a workbook ({kind}), not text; open it in a spreadsheet and {_SAVE}")
    encoding = _unicode_encoding(data)
    guesses: tuple[str, ...] = ()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig":
            raise InputError(f"{path}: is not {encoding.upper()} throughout ({error}); {_SAVE}") from error
        text, guesses = _decode_8_bit(path, data, error)
    if "\0" in text:
        raise InputError(f"{path}: line {text[: text.index(chr(0))].count(chr(10)) + 1} has binary data; {_SAVE}")
    return text, guesses


def _unicode_encoding(data: bytes) -> str:
    """UTF-16 and UTF-32 by their byte order mark, or by the zeros that they have in an English header; else UTF-8."""
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "utf-32"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if data[1:2] == data[3:4] == b"\0" != data[2:3]:
        return "utf-16-le"
    if data[:1] == data[2:3] == b"\0" != data[1:2]:
        return "utf-16-be"
    return "utf-8-sig"


def _decode_8_bit(path: Path, data: bytes, error: UnicodeDecodeError) -> tuple[str, tuple[str, ...]]:
    """Decodes an old encoding of Western Europe: Windows-1252, or Mac Roman where lines end as on old Macs.

    Every byte means something in either, so a text that is in another one would silently become another text. Such
    texts are refused: in them whole words are other than English letters, or there are symbols in the middle of words.
    """
    encoding, name = ("mac_roman", "Mac Roman") if b"\n" not in data and b"\r" in data else ("cp1252", "Windows-1252")
    number = data[: error.start].count(b"\n" if b"\n" in data else b"\r") + 1
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = ""
    if not text or not all(map(_is_western, re.findall(r"[^\x00-\x40\x5b-\x60\x7b-\x7f]+", text))):
        raise InputError(f"{path}: line {number} is not UTF-8, and which other encoding it is in is unclear; {_SAVE}")
    word = max((word for word in re.split(r"[ \t\r\n,;|]+", text) if not word.isascii()), key=_rarity)
    number = text.count("\n" if "\n" in text else "\r", 0, text.index(word)) + 1
    return text, (f"{path}: is not UTF-8; read as {name}, line {number} has {word!r}; if that is wrong, {_SAVE}",)


def _rarity(word: str) -> int:
    """How rare the rarest letter of a word is: a wrong encoding shows in it."""
    places = (_LETTERS.find(letter) for letter in word.lower() if not letter.isascii() and letter.isalpha())
    return max((len(_LETTERS) if place < 0 else place for place in places), default=-1)


def _is_western(word: str) -> bool:
    """Whether a word is in the letters of Western Europe: some of them English, and hardly two others side by side."""
    marks = "\xa0\u2019\u2018\u201c\u201d\u2013\u2014\u2026\xab\xbb\xb4"  # spaces, quotes and dashes
    others = [character for character in word if not character.isascii()]
    letters = [character for character in others if character not in marks]
    if any(unicodedata.category(letter) not in ("Lu", "Ll") for letter in letters):
        return False
    return len(letters) <= 1 or (len(letters) < len(word) and not re.search(r"[^\x00-\x7f\s]{3}", word))
