from __future__ import annotations

from dashboard.core.traffic import GroupLook, Lags, Topics


def test_a_look_at_the_ends_tells_what_grew_and_how_fast() -> None:
    one = Topics()
    assert one.note_ends("a", {0: 100, 1: 50}, 0) == []
    assert one.still_s("a", 0) is None
    assert one.note_ends("a", {0: 100, 1: 70}, 2) == [1]

    assert one.records_per_s("a") == 10
    assert one.end_offset("a") == 170
    assert one.still_s("a", 5) == 3
    assert one.documents() == [{"name": "a", "records_per_s": 10, "end_offset": 170}]


def test_of_a_topic_that_was_never_looked_at_nothing_is_known() -> None:
    one = Topics()

    assert (one.records_per_s("a"), one.end_offset("a"), one.still_s("a", 0)) == (None, None, None)


def test_a_group_lags_by_what_it_has_not_committed_of_topics_that_are_known() -> None:
    one = Topics()
    one.note_ends("a", {0: 100, 1: 50}, 0)
    one.note_groups(
        [
            GroupLook("reads", "stable", 2, {("a", 0): 90, ("a", 1): 50, ("elsewhere", 0): 1}),
            GroupLook("ahead", "stable", 1, {("a", 0): 101}),
            GroupLook("absent", "unknown", None, {}),
        ]
    )

    assert one.group_documents() == [
        {"group": "reads", "state": "stable", "members": 2, "lag_records": 10},
        {"group": "ahead", "state": "stable", "members": 1, "lag_records": 0},
        {"group": "absent", "state": "unknown", "members": None, "lag_records": None},
    ]


def test_lags_are_those_of_the_last_minute_and_age_is_of_the_newest_event() -> None:
    one = Lags()
    for number in range(100):
        one.note("a", event_time=1_000 + number, reached_ms=1_001 + 2 * number, at_s=number)
    one.note("a", event_time=1_050, reached_ms=1_050, at_s=99)

    assert one.percentiles("a", at_s=99) == (69, 100)
    assert one.percentiles("a", at_s=500) == (None, None)
    assert one.percentiles("b", at_s=0) == (None, None)
    assert one.age_ms("a", 1_200) == 101
    assert one.age_ms("a", 0) == 0
    assert one.age_ms("b", 0) is None
