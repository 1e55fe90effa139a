"""Two collections of payloads are equal, or the differences are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from hypothesis import HealthCheck, given, settings, strategies as st

from sandbox.verify.fingerprints import Fingerprints, MultisetDifference, compare_fingerprints


payloads = st.lists(st.sampled_from([b"a", b"b", b"c", b"dd"]), max_size=12)


def of(path: Path, payloads: Iterable[bytes]) -> Fingerprints:
    path.unlink(missing_ok=True)
    fingerprints = Fingerprints(path)
    for payload in payloads:
        fingerprints.add(payload)
    return fingerprints


def compare(tmp_path: Path, recorded: Iterable[bytes], published: Iterable[bytes]) -> MultisetDifference:
    return compare_fingerprints(of(tmp_path / "recorded", recorded), of(tmp_path / "published", published))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recorded=payloads, published=payloads)
def test_counts_are_those_of_multisets(tmp_path: Path, recorded: list[bytes], published: list[bytes]) -> None:
    expected, actual = Counter(recorded), Counter(published)

    result = compare(tmp_path, recorded, published)

    excess = actual - expected
    assert result == MultisetDifference(
        missing=(expected - actual).total(),
        duplicates=sum(count for payload, count in excess.items() if payload in expected),
        foreign=sum(count for payload, count in excess.items() if payload not in expected),
    )


def test_order_does_not_matter(tmp_path: Path) -> None:
    assert compare(tmp_path, [b"a", b"b", b"b"], [b"b", b"a", b"b"]) == MultisetDifference(0, 0, 0)


def test_a_changed_byte_is_missing_and_foreign(tmp_path: Path) -> None:
    assert compare(tmp_path, [b'{"p":"1.0"}'], [b'{"p":"1.1"}']) == MultisetDifference(1, 0, 1)


def test_one_lost_and_another_twice_do_not_cancel_out(tmp_path: Path) -> None:
    assert compare(tmp_path, [b"a", b"b"], [b"a", b"a"]) == MultisetDifference(1, 1, 0)


def test_more_than_the_buffer_holds(tmp_path: Path) -> None:
    many = [str(number).encode() for number in range(5_000)]

    assert compare(tmp_path, many, [*many[1:], b"0", b"1"]) == MultisetDifference(0, 1, 0)
