"""Reading CSV files as people and programs write them. Source: contract, bulk-activities.md §3.1."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everpost.activities import csv_columns, csv_rows, csv_text
from everpost.activities.chunks import Chunk


def read(content: bytes, *, size_bytes: int = 1024 * 1024) -> list[Chunk]:
    """All chunks of an upload."""
    file = io.BytesIO(csv_text.read(content).encode())
    header = csv_rows.read_header(file)
    chunks = [csv_rows.read_chunk(file, header.first, header, size_bytes=size_bytes)]
    while not chunks[-1].is_last:
        chunks.append(csv_rows.read_chunk(file, chunks[-1].next, header, size_bytes=size_bytes))
    return chunks


def rows(content: bytes, *, size_bytes: int = 1024 * 1024) -> list[tuple[object, ...]]:
    return [row for chunk in read(content, size_bytes=size_bytes) for row in chunk.rows.iter_rows()]


def test_a_byte_order_mark_crlf_quotes_and_umlauts_are_read():
    content = b'\xef\xbb\xbfemail,First Name\r\na@x.example,"J\xc3\xb6rg ""the"" M"\r\n'
    assert rows(content) == [(2, "a@x.example", 'Jörg "the" M')]


def test_what_is_not_utf_8_is_read_as_windows_1252():
    assert rows(b"email,first_name\na@x.example,J\xf6rg \x96 \x80\n") == [(2, "a@x.example", "Jörg – €")]


def test_utf_16_is_read_by_its_byte_order_mark():
    assert rows("email,first_name\na@x.example,Jörg\n".encode("utf-16")) == [(2, "a@x.example", "Jörg")]


def test_blank_lines_are_ignored_but_numbered():
    assert rows(b"\n\nemail,first_name\n\na,b\n,\n  \nc,d") == [(5, "a", "b"), (8, "c", "d")]


def test_a_line_end_in_quotes_belongs_to_the_cell_and_counts_as_a_line():
    content = b'email,first_name\n"a","x\ny"\nb,z\n'
    assert rows(content) == [(2, "a", "x\ny"), (4, "b", "z")]
    assert rows(content, size_bytes=8) == [(2, "a", "x\ny"), (4, "b", "z")]


def test_quotes_where_none_belong_are_text():
    assert rows(b'email,first_name\na,5" pipe\nb,z\n') == [(2, "a", '5" pipe'), (3, "b", "z")]


@pytest.mark.parametrize("others", [3, 39_998])
def test_a_quote_that_is_never_closed_costs_its_line_only(others):
    chunks = read(b'email,first_name\na,"open\n' + b"b,z\n" * others)
    assert [problem for chunk in chunks for problem in chunk.unreadable] == [(2, "Unreadable line")]
    assert sum(len(chunk.rows) for chunk in chunks) == others


def test_rows_may_be_shorter_and_longer_than_the_headings():
    assert rows(b"email,first_name,x\na\nb,c,d,e,f\n") == [(2, "a", None), (3, "b", "c")]


def test_a_file_without_a_last_line_end_and_one_with_headings_alone():
    assert rows(b"email\na") == [(2, "a")]
    assert rows(b"email") == rows(b"email\n") == []


def test_only_the_first_40000_lines_are_read():
    assert rows(b"email\n" + b"a\n" * 50_000)[-1] == (40_000, "a")


def test_only_whole_lines_within_the_first_4_megabytes_are_read():
    line = b"x" * 1023 + b"\n"
    found = rows(b"email\n" + line * 5000)
    assert len(found) == (csv_text.MAX_BYTES - 6) // 1024
    assert all(len(str(cell)) == 1023 for _, cell in found)


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("First Name", "first_name"), (" LAST-NAME ", "last_name"), ("email address", "email"),
        ("E-mail Address", "email"), ("E-mail 1 - Value", "email"), ("Given Name", "first_name"),
        ("Family Name", "last_name"), ("Company", "company_name"), ("Organization Title", "job_title"),
        ("Business Phone", "work_phone"), ("Mobile Phone", "mobile_phone"), ("Home Street", "home_street"),
        ("Business Postal Code", "work_zip"), ("Other Country/Region", "other_country"), ("home country", "home_country"),
        ("Phone 1 - Value", "phone"), ("Address 1 - Region", "state"), ("Anniversary", "anniversary"),
        ("Title", None), ("Birthday", "birthday"), ("E-mail 2 Address", None), ("", None), ("cf:", None),
        ("CF: Boat Length", "cf:boat_length"),
    ],
)  # fmt: skip
def test_headings_are_known_in_the_words_of_other_programs(heading, column):
    assert csv_columns.read([heading]) == [column]


def test_another_programs_word_never_displaces_or_doubles_a_column():
    headings = ["E-mail Address", "email", "E-mail 1 - Value", "Given Name", "Surname", "First Name"]
    assert csv_columns.read(headings) == [None, "email", None, None, "last_name", "first_name"]


cells = st.text(st.sampled_from('ab "\n,ü'), max_size=6)


@settings(max_examples=150)
@given(st.lists(st.tuples(cells, cells), max_size=12), st.integers(4, 80), st.sampled_from(["\n", "\r\n"]))
def test_well_formed_files_are_read_alike_in_chunks_of_any_size(table, size_bytes, end):
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in table]
    content = ("email,first_name" + end + "".join(line + end for line in lines)).encode()
    expected = [tuple(cell.strip() or None for cell in row) for row in table if any(cell.strip() for cell in row)]
    assert [row[1:] for row in rows(content, size_bytes=size_bytes)] == expected
