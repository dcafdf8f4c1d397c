"""Which texts of a bind may come again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.domain.commands import Arrival
from hotline.links import Links

FINGERPRINT = 2**64 - 1


def arrival(number: int, link: str = "a", fingerprint: int = FINGERPRINT) -> Arrival:
    return Arrival(link, number, fingerprint)


@pytest.fixture
def links() -> Links:
    """Two open links, a and b, of one SMSC."""
    links = Links()
    links.load("a", "main")
    links.load("b", "main")
    return links


def bodies(links: Links) -> dict[str, str]:
    return {link: body for link, _, _, body in links.rows(5)}


def test_a_stored_row_is_read(links: Links) -> None:
    assert links.load("old", "main", '{"3":18446744073709551615,"4":0}') == {3: FINGERPRINT, 4: 0}
    assert links.known(arrival(3, "old"))
    assert not links.known(arrival(5, "old"))
    assert links.rows(5) == []


def test_an_arrival_is_known_from_the_moment_it_is_staged(links: Links) -> None:
    assert not links.known(arrival(1))
    links.arrived(arrival(1))
    assert links.known(arrival(1))
    assert not links.known(arrival(1, "b"))
    links.commit()
    assert links.known(arrival(1))
    assert links.rows(5) == []


def test_what_was_not_committed_never_arrived(links: Links) -> None:
    links.arrived(arrival(1))
    links.commit()
    links.arrived(arrival(2))
    links.confirmed("a", 1)
    links.rollback()
    assert links.known(arrival(1))
    assert not links.known(arrival(2))
    assert links.rows(5) == []


def test_rows_are_written_whole_for_the_links_that_changed(links: Links) -> None:
    links.arrived(arrival(1, fingerprint=7))
    links.commit()
    links.arrived(arrival(2, fingerprint=8))
    assert links.rows(5) == [("a", "main", 5, '{"1":7,"2":8}')]
    links.arrived(arrival(1, "b", 9))
    assert bodies(links) == {"a": '{"1":7,"2":8}', "b": '{"1":9}'}


def test_what_is_acknowledged_is_forgotten(links: Links) -> None:
    for number in (1, 2, 3):
        links.arrived(arrival(number, fingerprint=number))
    links.commit()
    links.confirmed("a", 2)
    assert bodies(links) == {"a": '{"3":3}'}
    links.commit()
    assert [links.known(arrival(number)) for number in (1, 2, 3)] == [False, False, True]


def test_a_link_of_which_all_is_acknowledged_knows_nothing(links: Links) -> None:
    links.arrived(arrival(1))
    links.commit()
    links.confirmed("a", 1)
    assert not links.known(arrival(1)), "the staged row is empty, and it counts"
    assert bodies(links) == {"a": "{}"}


def test_a_repetition_takes_the_place_of_the_first(links: Links) -> None:
    links.arrived(arrival(1))
    links.commit()
    links.moved(arrival(1), arrival(1, "b"))
    assert not links.known(arrival(1))
    assert links.known(arrival(1, "b"))
    assert bodies(links) == {"a": "{}", "b": f'{{"1":{FINGERPRINT}}}'}
    links.commit()
    links.moved(arrival(1, "b"), arrival(2, "b"))
    assert bodies(links) == {"b": f'{{"2":{FINGERPRINT}}}'}


def test_a_repetition_of_what_is_not_known_is_an_arrival(links: Links) -> None:
    links.moved(arrival(9), arrival(1, "b"))
    assert links.known(arrival(1, "b"))


def test_links_that_ended_are_forgotten(links: Links) -> None:
    links.arrived(arrival(1))
    links.arrived(arrival(1, "b"))
    links.commit()
    links.forget(["a", "never"])
    assert not links.known(arrival(1))
    assert links.known(arrival(1, "b"))


def test_all_can_be_taken_in_again(links: Links) -> None:
    links.arrived(arrival(1, fingerprint=7))
    rows = links.rows(5)
    links.rollback()
    links.reload(rows)
    assert links.known(arrival(1))
    links.arrived(arrival(2, fingerprint=8))
    assert links.rows(6) == [("a", "main", 6, '{"1":7,"2":8}')]


@given(st.lists(st.tuples(st.sampled_from(["arrive", "confirm", "commit", "rollback"]), st.integers(1, 6))))
def test_the_rows_are_all_that_is_known(steps: list[tuple[str, int]]) -> None:
    links, stored, staged = Links(), set[int](), set[int]()
    links.load("a", "main")
    for step, number in steps:
        if step == "arrive":
            links.arrived(arrival(number))
            staged.add(number)
        elif step == "confirm":
            links.confirmed("a", number)
            staged = {each for each in staged if each > number}
        elif step == "commit":
            links.commit()
            stored = set(staged)
        else:
            links.rollback()
            staged = set(stored)
        assert {each for each in range(1, 7) if links.known(arrival(each))} == staged
        again = Links()
        for link, _, _, body in links.rows(5):
            assert set(again.load(link, "main", body)) == staged
