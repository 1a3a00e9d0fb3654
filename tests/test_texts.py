"""Text of your own, as it is distributed: what its documents are, and what is held out."""

import gzip
import json
import re

import pytest

from minillama.system import files
from minillama.system.files import text_bytes
from minillama.training import texts
from minillama.training.texts import HeldOut, between, check_room, is_one_text, read_documents


def written(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def lines(*values):
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


@pytest.mark.parametrize(
    ("separator", "text"),
    [
        ("<|endoftext|>", "Mia ran.\n<|endoftext|>\n<|endoftext|>\n 小安\n\nslept. <|endoftext|>"),
        ("blank", "\nMia ran.\n \t\n\n\n小安\u3000\nslept.\n\n"),
        ("blank", "Mia ran.\r\n\r\n小安\u3000\r\nslept."),
        (".*", "Mia ran..*小安\n\nslept."),
    ],
)
def test_a_separator_divides_a_file(tmp_path, separator, text):
    found = read_documents(written(tmp_path / "a.txt", text), separator, None)
    assert [document.split() for document in found] == [["Mia", "ran."], ["小安", "slept."]]
    assert all(document == document.strip() for document in found)


@pytest.mark.parametrize(
    ("name", "field"), [("a.jsonl", None), ("a.NDJSON", "text"), ("a", "text")]
)
def test_lines_of_json_are_documents(tmp_path, name, field):
    content = lines({"n": 1, "text": "Mia\nran."}, {"text": " "}, {"text": "小安"}) + "\n"
    path = written(tmp_path / name, content)
    assert read_documents(path, None, field) == ["Mia\nran.", "小安"]
    assert not is_one_text(path, None, field)


def test_a_field_can_be_named(tmp_path):
    path = written(tmp_path / "a.jsonl", lines({"text": "no", "story": "yes"}))
    assert read_documents(path, None, "story") == ["yes"]


def test_the_files_of_a_folder_are_documents_in_the_order_of_their_names(tmp_path):
    written(tmp_path / "b.txt", "two")
    written(tmp_path / "c" / "a.jsonl.gz", gzip.compress(lines({"text": "three"}).encode()))
    written(tmp_path / "a.md", "one")
    written(tmp_path / "empty.txt", "")
    written(tmp_path / "picture.png", b"\x89PNG\0\0")
    written(tmp_path / ".hidden" / "a.txt", "no")
    assert read_documents(tmp_path, None, None) == ["one", "two", "three"]
    assert not is_one_text(tmp_path, None, None)


def test_a_separator_divides_each_file_of_a_folder(tmp_path):
    written(tmp_path / "b.txt", "two---three")
    written(tmp_path / "a.txt", "one")
    assert read_documents(tmp_path, "---", None) == ["one", "two", "three"]


def test_a_plain_file_is_one_text(tmp_path):
    path = written(tmp_path / "a.txt.gz", gzip.compress(b"Mia ran."))
    assert is_one_text(path, None, None)
    assert not is_one_text(path, "blank", None)


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (lines({"text": "a"}) + "{", {}, r"line 2 of .*a\.jsonl is not a JSON object"),
        ("[" * 10**5, {}, "line 1 of .* is not a JSON object"),
        ("[1]", {}, "line 1 of .* is not a JSON object"),
        (
            lines({"story": "a", "n": 1}),
            {},
            "no field 'text'.*--field; its fields are 'story', 'n'",
        ),
        (lines({}), {"field": "x"}, "no field 'x'.* its fields are none"),
        (lines({"text": 5}), {}, "field 'text' in line 1 of .* is not text: 5"),
        ('{"text": "\\ud800"}', {}, "line 1 of .* half of a surrogate pair"),
        (lines({"text": " "}), {}, "is empty"),
        (lines({"text": "a"}), {"separator": "blank"}, "leave out the separator"),
        (lines({"text": "a"}), {"separator": ""}, "must not be empty; blank lines are 'blank'"),
        (lines({"text": "a"}), {"separator": "a", "field": "b"}, "not both"),
    ],
    ids=range(11),
)
def test_what_cannot_be_read_is_told(tmp_path, content, options, says):
    path = written(tmp_path / "a.jsonl", content)
    with pytest.raises(ValueError, match=says) as error:
        read_documents(path, options.get("separator"), options.get("field"))
    assert "\n" not in str(error.value) and len(str(error.value)) < 400 + len(str(path))


def test_a_folder_without_text_is_told(tmp_path):
    written(tmp_path / "picture.png", b"\x89PNG\0\0")
    with pytest.raises(ValueError, match=r"no text in the folder .* ends in \.txt, \.md, \.jsonl"):
        read_documents(tmp_path, None, None)


def hold_out(documents, most):
    """Those to learn from, and those held out, as two passes over the documents tell them."""
    held_out = HeldOut(iter(documents), most)
    learned = [*held_out.others(iter(documents))]
    assert held_out.n_learned == len(learned)
    assert held_out.n_characters == sum(map(len, learned))
    return learned, held_out.texts


def test_a_tenth_at_most_is_held_out_and_no_text_is_on_both_sides():
    documents = [f"{i} " * (1 + 50 * (i % 7 == 0)) for i in range(100)] * 2
    learned, held_out = hold_out(documents, 512)
    assert held_out == hold_out(documents, 512)[1]
    assert len(set(held_out)) == len(held_out) > 5
    assert sum(map(len, held_out)) <= sum(map(len, documents)) / 10
    assert not set(held_out) & set(learned)
    assert set(held_out) | set(learned) == set(documents)
    assert learned == sorted(learned, key=documents.index) or len(learned) > len(set(learned))
    assert len(hold_out(documents, 3)[1]) == 3


def test_of_few_documents_the_shortest_is_held_out():
    assert hold_out(["long enough", "short", "long as well"], 512) == (
        ["long enough", "long as well"],
        ["short"],
    )


@pytest.mark.parametrize("together", [1, 2, 3, 1000])
def test_text_in_pieces_is_the_same_text(tmp_path, monkeypatch, together):
    """Wherever a piece ends: in a character, between \\r and \\n, in a separator."""
    monkeypatch.setattr(files, "TOGETHER", together)
    content = "\ufeffMia\r ran.\r\n\r\n小安 \n \n\nslept<|><|><|>\U0001f600\r"
    for number, data in enumerate([content.encode(), gzip.compress(content.encode())]):
        path = written(tmp_path / str(number), data)
        whole = content.removeprefix("\ufeff").replace("\r\n", "\n")
        assert files.read_text(path) == "".join(files.text_chunks(path)) == whole
        for separator, pattern in [("blank", r"\n\s*\n"), ("<|><|>", r"<\|><\|>"), ("安", "安")]:
            parts = [part.strip() for part in re.split(pattern, whole)]
            assert read_documents(path, separator, None) == [part for part in parts if part]
        for start, end in [(0, 5), (5, 12), (12, 1000), (3, 3)]:
            assert "".join(between(files.text_chunks(path), start, end)) == whole[start:end]
        documents = lines({"text": whole}, {"text": "two"})
        assert read_documents(written(tmp_path / "a.jsonl", documents), None, None)[1] == "two"


@pytest.mark.parametrize("together", [1, 7, 1000])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"Mia ran." + b"\xe5\xb0" * 2, "not UTF-8 text, as its byte 8 shows"),
        (b"Mia ran.\xe5\xb0", "not UTF-8 text, as its byte 8 shows"),
        (b"Mia ran.\0", "zero bytes"),
        (b"\xef\xbb\xbf \n ", "is empty"),
        (gzip.compress(b"Mia ran." * 99)[:-9], "cut off or corrupted"),
    ],
)
def test_text_in_pieces_is_refused_like_whole_text(tmp_path, monkeypatch, together, content, says):
    monkeypatch.setattr(files, "TOGETHER", together)
    with pytest.raises(ValueError, match=says):
        files.read_text(written(tmp_path / "a.txt", content))


def test_text_that_memory_cannot_hold_is_told_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "memory_bytes", lambda: 2**20)
    check_room(written(tmp_path / "small.txt", "a" * 1000))
    for name in ("large.txt", "folder/large.txt"):
        written(tmp_path / name, "a" * 2**20)
        with pytest.raises(ValueError, match=r"GiB of memory, .* has .*: give a part"):
            check_room((tmp_path / name).parent if "/" in name else tmp_path / name)


@pytest.mark.parametrize("name", ["text.txt.gz", "text.txt"])
def test_a_compressed_text_counts_as_large_as_it_unpacks(tmp_path, monkeypatch, name):
    """By what comes out of it: neither by its size, nor by the size that its end claims."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"a" * 2**20) + gzip.compress(b"a"))  # the end says: one byte
    assert text_bytes(path, 2**30) == 2**20 + 1
    assert text_bytes(path, 1000) == 2**20  # and no further
    monkeypatch.setattr(texts, "memory_bytes", lambda: 2**22)
    with pytest.raises(ValueError, match="of memory"):
        check_room(path)
    path.write_bytes(gzip.compress(b"a" * 1000)[:-4])  # damaged, which read_text says better
    assert text_bytes(path, 2**30) <= 1000
    check_room(path)
