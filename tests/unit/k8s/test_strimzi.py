from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from dashboard.config import Settings as DashboardSettings
from dashboard.service import reader_of
from dashboard.survey import groups_of
from ingest.own_topics import own_topics
from k8s.access import Principal, Right, principals
from k8s.generate import files, resource_name, topic_manifest
from schemas.topics import Layer, Topic, TopicTable
from tests.support import kubernetes


TABLE = TopicTable()
PEOPLE = {one.name: one for one in principals(TABLE)}
PRIVATE = {topic.name for topic in TABLE if topic.private}


def manifests(file: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(dict(files())[file]))


def may(person: str, operation: str) -> set[str]:
    return {one.name for one in PEOPLE[person].rights if one.resource == "topic" and operation in one.operations}


# What services demand, from their own code: a right that is missing there stops them at every start.


def test_ingest_sees_and_may_write_every_topic_that_it_waits_for() -> None:
    wanted = {topic.name for topic in own_topics(TABLE, private=True)}

    assert wanted - (may("ingest", "Describe") & may("ingest", "Write")) == set()


def test_ingest_has_rights_on_no_other_topics() -> None:
    wanted = {topic.name for topic in own_topics(TABLE, private=True)}

    assert {one.name for one in PEOPLE["ingest"].rights if one.resource == "topic"} == wanted


def test_ingest_waits_for_no_private_topic_where_there_are_none() -> None:
    assert {topic.name for topic in own_topics(TABLE, private=False)} & PRIVATE == set()


def test_dashboard_reads_what_its_page_shows_and_samples() -> None:
    shown = {topic.name for topic in reader_of(DashboardSettings()).topics}
    sampled = {topic.name for topic in TABLE if topic.layer is Layer.RAW and not topic.private}

    assert (shown | sampled) - may("dashboard", "Read") == set()


def test_dashboard_may_look_at_each_group_that_it_asks_for() -> None:
    groups = [one for one in PEOPLE["dashboard"].rights if one.resource == "group" and "Describe" in one.operations]

    assert [
        name
        for name in groups_of(TABLE)
        if not any(name == one.name or (one.prefix and name.startswith(one.name)) for one in groups)
    ] == []


# What is generated


@pytest.mark.parametrize(("name", "content"), list(files()), ids=lambda value: value if value.endswith(".yaml") else "")
def test_committed_files_are_what_is_generated(name: str, content: str) -> None:
    """If not: `python -m k8s.generate`."""
    assert (kubernetes.K8S / "components" / "strimzi" / name).read_text(encoding="utf-8") == content


def test_every_topic_of_the_table_is_a_kafka_topic_as_setup_makes_it() -> None:
    found = {
        one["spec"].get("topicName", one["metadata"]["name"]): (one["spec"]["partitions"], one["spec"]["config"])
        for one in manifests("topics.yaml")
    }

    assert found == {topic.name: (topic.partitions, topic.config() | {"min.insync.replicas": "2"}) for topic in TABLE}


def test_names_are_legal_and_different() -> None:
    names = [
        (one["kind"], one["metadata"]["name"]) for file in ("topics.yaml", "users.yaml") for one in manifests(file)
    ]

    assert [name for _, name in names if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", name)] == []
    assert len(set(names)) == len(names)


def test_name_that_kubernetes_does_not_allow_is_kept_in_the_topic() -> None:
    topic = next(iter(TABLE))
    odd = Topic(**{field: getattr(topic, field) for field in topic.__struct_fields__} | {"name": "Binance_x.raw"})

    manifest = topic_manifest(odd, cluster="kafka")

    assert (manifest["metadata"]["name"], manifest["spec"]["topicName"]) == ("binance-x.raw", "Binance_x.raw")
    assert resource_name("-a_b.") == "a-b"


def test_single_broker_asks_for_no_second_replica() -> None:
    spec = topic_manifest(next(iter(TABLE)), cluster="kafka", replicas=1)["spec"]

    assert (spec["replicas"], spec["config"]["min.insync.replicas"]) == (1, "1")


def test_another_prefix_is_in_every_name() -> None:
    text = "".join(content for _, content in files("md.prod"))

    assert re.findall(r"name: binance[.-]", text) == []
    assert "name: md.prod.ingest.repair" in text
    assert "name: md.prod-processors-books" in text


@pytest.mark.parametrize("person", ["books", "trades", "dashboard", "reader-public"])
def test_private_topics_are_closed_to_who_reads_market_data(person: str) -> None:
    named = {one.name for one in PEOPLE[person].rights if one.resource == "topic"}

    assert named & PRIVATE == set()


def test_who_watches_accounts_reads_their_states_and_writes_nothing() -> None:
    states = {name for name in PRIVATE if re.search(r"\.(order|balance|position)\.v1$", name)}

    assert (may("reader-private", "Read"), may("reader-private", "Write")) == (states, set())


@pytest.mark.parametrize("person", ["dashboard", "reader-public", "reader-private"])
def test_readers_write_nothing(person: str) -> None:
    assert may(person, "Write") == set()


def test_every_topic_is_written_by_who_owns_it() -> None:
    writers = {topic.name: {who for who in PEOPLE if topic.name in may(who, "Write")} for topic in TABLE}
    families = {"books", "trades", "private"}

    for topic in TABLE:
        owners = set().union(*({"ingest"} if one == "ingest" else families for one in topic.owner.split(", ")))
        assert writers[topic.name], f"nobody may write {topic.name}"
        extra = {"ingest"} if topic.type == "snapshot-request" else set()
        assert writers[topic.name] <= owners | extra, topic.name


def test_every_topic_but_inner_ones_can_be_read_by_somebody_outside() -> None:
    """Checkpoints, what accounts' events said and what was set aside of them are nobody's business."""
    readable = may("reader-public", "Read") | may("reader-private", "Read")

    hidden = {topic for topic in TABLE if topic.name not in readable}

    assert {topic.name for topic in hidden if not topic.private} == {
        topic.name for topic in TABLE if "checkpoint" in topic.type and not topic.private
    }
    assert {topic.layer for topic in hidden if topic.private} == {Layer.RAW, Layer.CONTROL, Layer.DERIVED}


@pytest.mark.parametrize("person", PEOPLE.values(), ids=lambda person: person.name)
def test_nobody_may_make_delete_or_change_a_topic(person: Principal) -> None:
    operations = {operation for right in person.rights for operation in right.operations}

    assert operations <= {"Describe", "Read", "Write"}


@pytest.mark.parametrize("family", ["books", "trades", "private"])
def test_worker_reads_again_the_checkpoints_that_it_wrote(family: str) -> None:
    written = {name for name in may(family, "Write") if "checkpoint" in name}

    assert written
    assert written <= may(family, "Read")


@pytest.mark.parametrize("family", ["books", "trades", "private"])
def test_worker_joins_its_own_group_and_no_other(family: str) -> None:
    groups = [one for one in PEOPLE[family].rights if one.resource == "group"]

    assert groups == [Right("group", f"binance-processors-{family}", ("Describe", "Read"))]
