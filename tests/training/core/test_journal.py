import pytest

from training.core.journal import Journal, JournalError

JOB = {"evaluate": {"effort": "fast"}, "limit": (1, 2)}


def test_what_was_added_is_there_again(tmp_path):
    with Journal(tmp_path / "new" / "j.jsonl", JOB) as journal:
        journal.add("a", {"x": [1, 2.5]})
        journal.add("é", None)
        assert journal.results == {"a": {"x": [1, 2.5]}, "é": None}
    with Journal(tmp_path / "new" / "j.jsonl", JOB) as again:
        assert again.results == {"a": {"x": [1, 2.5]}, "é": None}
        again.add("b", 3)
    with Journal(tmp_path / "new" / "j.jsonl", JOB) as last:
        assert last.results.keys() == {"a", "é", "b"}


def test_a_kill_at_any_byte_loses_no_whole_line(tmp_path):
    file = tmp_path / "j.jsonl"
    with Journal(file, JOB) as journal:
        journal.add("a", 1)
        journal.add("b", 2)
    whole = file.read_bytes()
    for cut in range(len(whole) + 1):
        file.write_bytes(whole[:cut])
        lines = whole[:cut].count(b"\n")
        with Journal(file, JOB) as journal:
            assert len(journal.results) == max(0, lines - 1)
            journal.add("c", 3)
        with Journal(file, JOB) as journal:
            assert journal.results["c"] == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"job": {"generate": "all"}}\n', "is the journal of another job"),
        (b"a,b,c\n", "is no journal"),
        (b'{"job": {}}\n[1]\n', "is no journal"),
        (b"[]\n", "is the journal of another job"),
    ],
    ids=["other job", "text", "other lines", "other first line"],
)
def test_other_files_are_refused_and_left_as_they_are(tmp_path, content, said):
    file = tmp_path / "j.jsonl"
    file.write_bytes(content)
    with pytest.raises(JournalError, match=said):
        Journal(file, JOB)
    assert file.read_bytes() == content


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="cannot be used"):
        Journal(tmp_path / "file" / "j.jsonl", JOB)
