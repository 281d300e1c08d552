"""Csv files as programs write them: what has one meaning is read, anything else is an error that names the line."""

import pytest

from input_pipeline.releases.tables.csv_text import read_csv
from ssa2d_jax.utils.errors import InputError

HEADER, ROWS = "video,actor", ["00017,dog", "00018,Bär"]
PLAIN = "\n".join([HEADER, *ROWS])
ASCII = PLAIN.replace("ä", "a")


def _read(tmp_path, content):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    return read_csv(path, ("video", "actor"))


def _cells(table):
    return [tuple(table.by_column("here", cells).values()) for _, cells in table.lines]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        ("\ufeff" + PLAIN.replace("\n", "\r\n") + "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode("utf-16"),
        ("\ufeff" + PLAIN.replace(",", "\t")).encode("utf-16-be"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-32"),
        PLAIN.replace(",", "|").encode(),
        ("sep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n")).encode(),
        ("SEP=,\n" + PLAIN).encode(),
        ("sep=\t\n" + PLAIN.replace(",", "\t")).encode(),
        ("sep=;\n" + PLAIN).encode(),  # wrong, but the header says which it is
        ('"sep=;",,\n' + PLAIN.replace(",", ";")).encode(),
        ("\n,,\n" + PLAIN + "\n\n,,\n").encode(),
        PLAIN.replace("\n", ",,\n").encode(),
        PLAIN.replace("video,actor", "video,actor,,").encode(),
        PLAIN.replace("dog", "dog\u00a0").replace("video", " Video ").encode(),
        PLAIN.replace("00017", '="00017"').encode(),
        PLAIN.replace("dog", ' "dog"').encode(),
    ],
)
def test_every_way_of_writing_a_table_gives_its_cells(tmp_path, content):
    table = _read(tmp_path, content)
    assert table.header == ("video", "actor") and table.guesses == ()
    assert _cells(table) == [("00017", "dog"), ("00018", "Bär")]


def test_cells_in_quotes_may_hold_separators_quotes_and_line_ends(tmp_path):
    table = _read(tmp_path, b'video,actor\n"a, b;c","sit, then ""stand"""\nd,"two\nlines"\n\ne,f\n')
    assert _cells(table) == [("a, b;c", 'sit, then "stand"'), ("d", "two\nlines"), ("e", "f")]
    assert [number for number, _ in table.lines] == [2, 3, 6]


@pytest.mark.parametrize(
    ("encoding", "end", "name"),
    [("cp1252", "\r\n", "Windows-1252"), ("cp1252", "\n", "Windows-1252"), ("mac_roman", "\r", "Mac Roman")],
)
def test_old_encodings_of_western_europe_are_guessed_with_a_warning(tmp_path, encoding, end, name):
    text = PLAIN.replace("\n", end).replace("dog", "perro\u2019s Üben")
    table = _read(tmp_path, text.encode(encoding))
    assert _cells(table) == [("00017", "perro\u2019s Üben"), ("00018", "Bär")]
    (guess,) = table.guesses
    assert f"labels.csv: is not UTF-8; read as {name}, line 2 has 'Üben'; if that is wrong, save it" in guess


def test_the_word_shown_is_the_one_that_another_encoding_would_change(tmp_path):
    text = "video,actor\na,köpek\nb,çocuk\nc,koşuyor\nd,Bär\n"
    (guess,) = _read(tmp_path, text.encode("cp1254")).guesses
    assert "read as Windows-1252, line 4 has 'koþuyor'; if that is wrong" in guess
    (guess,) = _read(tmp_path, "video,actor\na,dítě\nb,été\n".encode("cp1250")).guesses
    assert "line 2 has 'dítì'" in guess


def test_a_space_that_is_not_ascii_is_shown_where_no_letter_is(tmp_path):
    (guess,) = _read(tmp_path, b"video,actor\na,dog\xa0\n").guesses
    assert "line 2 has 'dog\\xa0'" in guess


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (",video,actor\n0,17,dog\n1,18,cat\n", "without a name"),
        ('"","video","actor"\n"1","17","dog"\n"5","18","cat"\n', "without a name"),
        ('"video";"actor"\n"1";"17";"dog"\n"2";"18";"cat"\n', "without a name"),  # R's write.table
        ("Unnamed: 0,video,actor\n0,17,dog\n0,18,cat\n", "'unnamed: 0'"),
        ("Unnamed: 0.1,Unnamed: 0,video,actor\n0,0,17,dog\n1,1,18,cat\n", "'unnamed: 0.1', 'unnamed: 0'"),
        ("\tX\tvideo\tactor\n1\t1\t17\tdog\n2\t2\t18\tcat\n", "without a name, 'x'"),
        ("...1,video,actor\n1,17,dog\n2,18,cat\n", "'...1'"),
    ],
)
def test_row_numbers_of_r_and_pandas_are_not_read(tmp_path, text, names):
    table = _read(tmp_path, text.encode())
    assert table.header == ("video", "actor")
    assert _cells(table) == [("17", "dog"), ("18", "cat")]
    (guess,) = table.guesses
    assert guess.startswith(f"{tmp_path / 'labels.csv'}: the first") and f"({names}) numbers the rows" in guess


def test_numbers_that_may_be_something_else_stay(tmp_path):
    assert _read(tmp_path, b"video,actor\n17,dog,\n18,cat,\n").header == ("video", "actor")
    assert _read(tmp_path, b"frame,video,actor\n0,17,dog\n").header == ("frame", "video", "actor")
    assert _read(tmp_path, b",video,actor\na,17,dog\n").header == ("", "video", "actor")
    table = _read(tmp_path, b"video,actor\n17,dog,brown\n17,cat,black\n")
    with pytest.raises(InputError, match="has 3 columns, but line 1 has 2"):
        table.by_column("here", table.lines[0][1])


@pytest.mark.parametrize(
    ("word", "encoding"),
    [("собака", "cp1251"), ("狗", "gbk"), ("跑步", "gbk"), ("犬", "shift_jis"), ("개", "euc_kr"), ("σκύλος", "cp1253"),
     ("สุนัข", "cp874"), ("כלב", "cp1255"), ("Bär", "cp437")],
)  # fmt: skip
def test_other_encodings_are_refused_instead_of_read_as_other_letters(tmp_path, word, encoding):
    with pytest.raises(InputError, match="line 3 is not UTF-8, and which other encoding it is in is unclear"):
        _read(tmp_path, PLAIN.replace("Bär", word).encode(encoding))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", r"is a workbook \(.xlsx or .ods\), not text; open it in a spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", r"is a workbook \(.xls\)"),
        (b"video,actor\na,b\nc,d\0", "line 3 has binary data"),
        (b'video,actor\na,b\nc,"d\ne,f', "line 3: not a line of a csv file .unexpected end of data."),
        (b'video,actor\na,"b" c\n', "line 2: not a line of a csv file"),
        (b"sep=.\nvideo.actor", "line 1 names the separator '.'; allowed: , ; | and tab"),
        ("video,actor\n".encode("utf-16") + b"\x00", "is not UTF-16 throughout"),
    ],
)
def test_what_is_no_table_of_text_is_named(tmp_path, content, message):
    with pytest.raises(InputError, match=rf"labels\.csv.*{message}"):
        _read(tmp_path, content)


def test_cells_that_no_column_holds_are_named(tmp_path):
    table = _read(tmp_path, b",video,actor\n0,a,b\n,c\n,d,e,f\n,g,h,,\n")
    errors = ["column 1 has '0', but no name in line 1; delete", "has 2 columns, but line 1 has 3", "has 4 columns"]
    for (_, cells), message in zip(table.lines, errors, strict=False):
        with pytest.raises(InputError, match=f"here: {message}"):
            table.by_column("here", cells)
    assert table.by_column("here", table.lines[3][1]) == {"video": "g", "actor": "h"}


def test_an_empty_file_has_no_header(tmp_path):
    assert _read(tmp_path, b"\xef\xbb\xbf\n \n").header == ()
