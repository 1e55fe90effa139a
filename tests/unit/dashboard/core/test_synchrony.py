from __future__ import annotations

from dashboard.core.synchrony import Contact, Synchrony


def test_nothing_is_known_before_it_is_known_what_there_is_to_read() -> None:
    assert Synchrony().obstacles() == ["reading has not begun: waiting for the broker and the schema registry"]


def test_a_topic_is_in_the_way_until_each_partition_reached_the_end_of_the_start() -> None:
    synchrony = Synchrony()
    synchrony.begin("books", 0, position=5, end=2_005)
    synchrony.begin("books", 1, position=0, end=10)
    synchrony.begin("candles", 0, position=7, end=7)

    synchrony.advance("books", 0, 1_005)
    assert synchrony.obstacles() == ['topic "books": 1,010 records to read in 2 partitions']
    assert synchrony.obstacles({"candles"}) == []

    synchrony.advance("books", 1, 10)
    synchrony.advance("books", 0, 2_009)
    assert synchrony.obstacles() == []
    synchrony.advance("books", 0, 2_010)
    assert synchrony.unread() == []


def test_a_partition_that_is_read_anew_is_in_the_way_again() -> None:
    synchrony = Synchrony()
    synchrony.begin("books", 0, position=0, end=1)
    synchrony.advance("books", 0, 1)

    synchrony.begin("books", 0, position=0, end=3)

    assert synchrony.obstacles() == ['topic "books": 3 records to read in 1 partitions']


def test_a_broker_that_is_silent_for_longer_than_the_limit_is_away() -> None:
    contact = Contact(10)
    assert contact.obstacle(0) == "the broker has not answered yet"

    contact.confirm(100)

    assert contact.obstacle(110) is None
    assert contact.obstacle(111) == "the broker has not answered for 11 s"
