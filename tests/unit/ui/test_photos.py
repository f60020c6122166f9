"""Photos from the person at the browser."""

from backend.ui.photos import distinctly_named


def test_photos_of_one_name_get_numbers_so_that_each_verdict_finds_its_photo() -> None:
    photos = distinctly_named([("a.jpg", b"1"), ("b.jpg", b"2"), ("a.jpg", b"3"), ("a.jpg", b"4")])
    assert [photo.filename for photo in photos] == ["a.jpg", "b.jpg", "a (2).jpg", "a (3).jpg"]
    assert [photo.content for photo in photos] == [b"1", b"2", b"3", b"4"]


def test_a_number_is_not_given_twice() -> None:
    photos = distinctly_named([("a (2).jpg", b"1"), ("a.jpg", b"2"), ("a.jpg", b"3")])
    assert len({photo.filename for photo in photos}) == 3
