"""Which photos are compared with which."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.errors import InvalidInput
from backend.evaluation.trials import Labelled, OpenSet, Pair, open_set, photos_by_person, read_pairs, sample

COUNTS = st.dictionaries(st.sampled_from("abcdefghij"), st.integers(1, 7), min_size=2).filter(
    lambda counts: 1 in counts.values() and max(counts.values()) > 1
)


def people_with(**counts: int) -> dict[str, list[Path]]:
    """People by the numbers of their photos."""
    return {name: [Path(f"{name}/{number}.jpg") for number in range(count)] for name, count in counts.items()}


def album(folder: Path, *photos: str) -> Path:
    """A folder with empty photos."""
    for photo in photos:
        path = folder / photo
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()
    return folder


@given(counts=COUNTS, enrol=st.integers(1, 4), seed=st.integers(0, 99))
def test_every_photo_is_used_once_and_everybody_enrolled_is_searched_for(
    counts: dict[str, int], enrol: int, seed: int
) -> None:
    people = people_with(**counts)
    trial = open_set(people, enrol, seed)
    used = [entry.photo for part in (trial.enrolled, trial.mated, trial.non_mated) for entry in part]
    assert sorted(used) == sorted(photo for photos in people.values() for photo in photos)
    enrolled = {entry.person_id for entry in trial.enrolled}
    assert enrolled == {entry.person_id for entry in trial.mated}
    assert enrolled.isdisjoint(entry.person_id for entry in trial.non_mated)
    assert trial.people == len(enrolled)
    for person_id in enrolled:
        taken = sum(entry.person_id == person_id for entry in trial.enrolled)
        assert taken == min(enrol, counts[person_id] - 1)


def test_a_trial_depends_on_its_seed_alone() -> None:
    people = people_with(**{f"person{number}": 5 for number in range(20)}, stranger=1)
    shuffled = {name: photos[::-1] for name, photos in people.items()}
    assert open_set(people, 1, seed=3).enrolled == open_set(shuffled, 1, seed=3).enrolled
    assert open_set(people, 1, seed=3).enrolled != open_set(people, 1, seed=4).enrolled


def test_another_person_more_leaves_everybody_elses_photos_as_they_were() -> None:
    few = people_with(alice=5, bob=4, stranger=1)
    one, other = open_set(few), open_set(few | people_with(carol=6))
    assert set(one.enrolled) < set(other.enrolled)


def test_the_searches_for_one_person_can_be_limited() -> None:
    trial = open_set(people_with(alice=9, bob=2, stranger=1), most_probes=3)
    assert [entry.person_id for entry in trial.mated] == ["alice"] * 3 + ["bob"]


@pytest.mark.parametrize("counts", [{"alice": 2, "bob": 3}, {"alice": 1, "bob": 1}])
def test_a_trial_needs_people_and_strangers(counts: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="strangers"):
        open_set(people_with(**counts))


def test_probes_are_those_of_people_and_of_strangers() -> None:
    mated, non_mated = Labelled("alice", Path("2")), Labelled("bob", Path("3"))
    assert OpenSet((), (mated,), (non_mated,)).probes == (mated, non_mated)


def test_folders_are_people_and_pictures_are_their_photos(tmp_path: Path) -> None:
    album(
        tmp_path, "bob/2.PNG", "bob/1.jpg", "bob/notes.txt", "bob/.hidden.jpg", "alice/a.heic", ".cache/x.jpg", "y.jpg"
    )
    (tmp_path / "empty").mkdir()
    found = photos_by_person(tmp_path)
    assert list(found) == ["alice", "bob"]
    assert [photo.name for photo in found["bob"]] == ["1.jpg", "2.PNG"]


def test_photos_in_folders_of_a_person_s_folder_are_that_person_s(tmp_path: Path) -> None:
    album(tmp_path, "bob/2.jpg", "bob/2024/1.JPEG", "bob/2025/summer/1.Jpg", "bob/.thumbs/1.jpg", "alice/first/a.PNG")
    (tmp_path / "bob" / "again").symlink_to(tmp_path / "bob")
    found = photos_by_person(tmp_path)
    assert {name: len(photos) for name, photos in found.items()} == {"alice": 1, "bob": 3}
    assert [photo.relative_to(tmp_path).as_posix() for photo in found["bob"]] == [
        "bob/2.jpg",
        "bob/2024/1.JPEG",
        "bob/2025/summer/1.Jpg",
    ]


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    album(tmp_path, "alice/1.jpg", "bob/1.jpg")
    iterdir = Path.iterdir

    def refused(folder: Path) -> Iterator[Path]:
        if folder.name == "bob":
            raise PermissionError(13, "Permission denied")
        return iterdir(folder)

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(InvalidInput, match=r"bob cannot be read: Permission denied\."):
        photos_by_person(tmp_path)


def test_some_photos_are_learnt_from_and_others_are_measured_with(tmp_path: Path) -> None:
    album(tmp_path, *(f"person{number}/{photo}.jpg" for number in range(10) for photo in range(6)))
    drawn = sample(tmp_path, most=8)
    assert (len(drawn.learning), len(drawn.measuring), drawn.labelled) == (8, 16, True)
    assert {entry.photo for entry in drawn.learning}.isdisjoint(entry.photo for entry in drawn.measuring)
    assert len({entry.person_id for entry in drawn.measuring}) == 4
    assert drawn == sample(tmp_path, most=8)


def test_photos_without_folders_show_nobody_knows_whom(tmp_path: Path) -> None:
    album(tmp_path, "1.jpg", "2.JPG", "3.png", "notes.txt")
    drawn = sample(tmp_path, most=8)
    assert (len(drawn.learning), len(drawn.measuring), drawn.labelled) == (1, 2, False)


@pytest.mark.parametrize("photos", [(), ("1.jpg", "2.jpg"), ("alice/1.jpg", "bob/1.jpg")])
def test_a_sample_of_next_to_nothing_is_refused(tmp_path: Path, photos: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match="too few photos"):
        sample(album(tmp_path, *photos), most=8)


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="one folder a person"):
        photos_by_person(tmp_path)


ALBUM = ("alice/alice_0001.jpg", "alice/alice_0002.JPG", "bob_jr./bob_jr._0001.png")


def pairs_file(folder: Path, *lines: str) -> Path:
    file = folder / "pairs.txt"
    file.write_text("\n".join(lines))
    return file


def test_pairs_are_read_with_their_folds(tmp_path: Path) -> None:
    album(tmp_path, *ALBUM)
    lines = ("2\t1", "alice\t1\t2", "alice\t1\tbob_jr.\t1", "alice\t2\t1", "bob_jr.\t1\talice\t2", "")
    alice, other, bob = (tmp_path / name for name in ALBUM)
    assert read_pairs(pairs_file(tmp_path, *lines), tmp_path) == [
        Pair(alice, other, True, 0),
        Pair(alice, bob, False, 0),
        Pair(other, alice, True, 1),
        Pair(bob, other, False, 1),
    ]


def test_a_single_number_at_the_top_means_a_single_fold(tmp_path: Path) -> None:
    album(tmp_path, *ALBUM)
    pairs = read_pairs(pairs_file(tmp_path, "1", "alice 1 2", "alice 1 bob_jr. 1"), tmp_path)
    assert [pair.fold for pair in pairs] == [0, 0]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ((), "line 1"),
        (("ten 300",), "line 1"),
        (("1 2 3",), "line 1"),
        (("0 5",), "line 1"),
        (("1 1", "alice 1 2"), "announces 2 pairs and has 1"),
        (("1 1", "alice 1 2", "alice 1"), "line 3"),
        (("1 1", "alice 1 2", "alice one bob_jr. 1"), "line 3: 'one' is no number"),
        (("1 1", "", "alice 1 2", "alice 7 bob_jr. 1"), "line 4: the photo .*alice_0007.jpg is missing"),
    ],
)
def test_a_file_of_another_form_is_refused_with_its_line(
    tmp_path: Path, lines: tuple[str, ...], complaint: str
) -> None:
    album(tmp_path, *ALBUM)
    with pytest.raises(InvalidInput, match=complaint):
        read_pairs(pairs_file(tmp_path, *lines), tmp_path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pairs.txt"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="text file"):
        read_pairs(file, tmp_path)
