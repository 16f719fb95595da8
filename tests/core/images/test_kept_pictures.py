"""Pictures kept by key, up to a memory limit."""

from __future__ import annotations

from dashboard.core.images.kept_pictures import KeptPictures


def test_a_picture_is_found_by_its_key_as_often_as_it_is_kept() -> None:
    pictures = KeptPictures()
    key = pictures.keep("a.png", b"cat")
    assert pictures.keep("a.png", b"cat") == key != pictures.keep("b.png", b"cat")
    assert pictures.get(key) == ("a.png", b"cat") and pictures.get("no key") is None


def test_those_that_nobody_looked_at_for_the_longest_time_go_first() -> None:
    pictures = KeptPictures(most_bytes=25)
    first, second = pictures.keep("a.png", bytes(10)), pictures.keep("b.png", bytes(10))
    pictures.get(first)
    third = pictures.keep("c.png", bytes(10))
    assert [pictures.get(key) is not None for key in (first, second, third)] == [True, False, True]


def test_a_picture_over_the_limit_is_kept_alone() -> None:
    pictures = KeptPictures(most_bytes=25)
    small, large = pictures.keep("a.png", b"cat"), pictures.keep("b.png", bytes(30))
    assert pictures.get(small) is None and pictures.get(large) is not None
