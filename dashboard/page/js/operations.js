// The operators' page: one document each second, shown as tables.

import { exact, rounded } from "./decimals.js";
import { announce, byId, make, setText } from "./dom.js";
import { marketName } from "./directory.js";
import { Feed } from "./feed.js";
import { draw } from "./frames.js";
import { Panel, startAges } from "./panel.js";
import { Rows, badge, marked } from "./rows.js";
import { startShortcuts } from "./shortcuts.js";
import { Sparks } from "./sparks.js";
import { Status } from "./status.js";
import { startTheme } from "./theme.js";
import { dateAndTime, duration } from "./times.js";

const LIMIT_S = 5;
const KINDS = {
  live: "good",
  silent: "warn",
  down: "bad",
  syncing: "warn",
  stale: "bad",
  up: "good",
  unheard: "warn",
  ended: "",
  stable: "good",
  empty: "warn",
  dead: "bad",
};
const LEFT = "left";

const status = new Status();
const sparks = new Sparks();
const panels = Object.fromEntries(
  ["streams", "connections", "books", "topics", "groups", "derived"].map((id) => [id, new Panel(id, LIMIT_S)]),
);
const tables = {
  streams: new Rows(byId("streams-rows"), [LEFT, LEFT, LEFT, ...Array(8).fill("")]),
  connections: new Rows(byId("connections-rows"), [LEFT, LEFT, LEFT, "", "", `${LEFT} wrap`]),
  books: new Rows(byId("books-rows"), [LEFT, LEFT, LEFT, "", `${LEFT} wrap`]),
  derived: new Rows(byId("derived-rows"), [LEFT, LEFT, "", ""]),
  topics: new Rows(byId("topics-rows"), [LEFT, "", LEFT, ""]),
  groups: new Rows(byId("groups-rows"), [LEFT, LEFT, "", "", LEFT]),
};
let latest = null;
let troubled = null;

function take(document) {
  latest = document;
  for (const { name, records_per_s: rate } of document.topics) sparks.note(name, rate);
  for (const { group, lag_records: lag } of document.groups) sparks.note(`group ${group}`, lag);
  draw(show);
}

function show() {
  fill(
    "streams",
    latest.streams.map((one) => [`${one.market}/${one.stream}`, streamCells(one)]),
  );
  fill(
    "connections",
    latest.connections.map((one) => [one.connection_id, connectionCells(one)]),
  );
  fill(
    "derived",
    latest.derived.map((one) => [
      `${one.market}/${one.type}`,
      [one.type, marketName(one.market), span(one.lag_ms_p50), span(one.lag_ms_p99)],
    ]),
  );
  fill(
    "groups",
    latest.groups.map((one) => [one.group, groupCells(one)]),
  );
  showTopics(latest.topics);
  showBooks(latest.books);
  showSums();
}

function fill(id, rows) {
  panels[id].heard();
  tables[id].show(rows);
  if (rows.length > 0) panels[id].filled();
}

function streamCells(one) {
  return [
    one.stream,
    marketName(one.market),
    badge(one.state, KINDS[one.state] ?? ""),
    span(one.age_ms),
    span(one.lag_ms_p50),
    span(one.lag_ms_p99),
    rate(one.records_per_s),
    count(one.symbols),
    marked(count(one.gaps_open), one.gaps_open > 0 ? "warn" : ""),
    count(one.gaps_total),
    count(one.resyncs_total),
  ];
}

function connectionCells(one) {
  return [
    marketName(one.market),
    badge(one.state, KINDS[one.state] ?? ""),
    one.url.replace(/^wss?:\/\//, ""),
    count(one.streams),
    dateAndTime(one.since),
    one.reason ?? "",
  ];
}

function groupCells(one) {
  return [
    one.group,
    badge(one.state ?? "unknown", KINDS[one.state] ?? ""),
    count(one.members),
    count(one.lag_records),
    sparks.cell(`group ${one.group}`),
  ];
}

/** Those that hold nothing are counted only: most markets use few of the topics that there are. */
function showTopics(topics) {
  const written = topics.filter((one) => one.end_offset !== 0);
  setText(
    byId("topics-note"),
    `records a second, the last two minutes; ${count(topics.length - written.length)} more hold nothing`,
  );
  fill(
    "topics",
    written.map((one) => [one.name, [one.name, rate(one.records_per_s), sparks.cell(one.name), count(one.end_offset)]]),
  );
}

function showBooks({ counts, not_live: books }) {
  const known = Object.values(counts).reduce((sum, one) => sum + one, 0);
  setText(byId("books-note"), `${count(counts.live)} of ${count(known)} live`);
  if (books.length === 0) {
    panels.books.emptied(known === 0 ? "No book is known yet." : "Every book is live.");
    return;
  }
  fill(
    "books",
    books.map((one) => [
      `${one.market}/${one.symbol}`,
      [
        one.symbol,
        marketName(one.market),
        badge(one.state, KINDS[one.state] ?? ""),
        span(one.age_ms),
        one.reason ?? "",
      ],
    ]),
  );
}

/** The figures at the top: what to look at first. */
function showSums() {
  const { streams, books, groups, topics, connections, dead_letters: dead } = latest;
  const live = streams.filter((one) => one.state === "live").length;
  const known = Object.values(books.counts).reduce((sum, one) => sum + one, 0);
  const lags = groups.map((one) => one.lag_records).filter((one) => one !== null);
  const lag = lags.length === 0 ? null : lags.reduce((sum, one) => sum + one, 0);
  const open = streams.reduce((sum, one) => sum + (one.gaps_open ?? 0), 0);
  const up = connections.filter((one) => one.state === "up").length;
  const written = topics.reduce((sum, one) => sum + (one.records_per_s ?? 0), 0);
  const sums = [
    ["Streams live", `${live} / ${streams.length}`, live < streams.length ? "warn" : ""],
    ["Connections up", count(up), up === 0 ? "bad" : ""],
    ["Books live", `${books.counts.live} / ${known}`, books.counts.live < known ? "warn" : ""],
    ["Gaps open", count(open), open > 0 ? "warn" : ""],
    ["Group lag", count(lag), ""],
    ["Records/s, all topics", rate(written), ""],
    [
      "Dead letters",
      count(dead.end_offset),
      dead.end_offset > 0 ? "warn" : "",
      dead.last === null ? null : `${dateAndTime(dead.last.time)}, ${dead.last.source_topic}: ${dead.last.reason}`,
    ],
  ];
  byId("sums").replaceChildren(
    ...sums.map(([name, figure, kind, more]) =>
      make(
        "div",
        { class: "sum" },
        make("dt", {}, name),
        make("dd", { class: kind }, figure),
        ...(more ? [make("dd", { class: "soft" }, more)] : []),
      ),
    ),
  );
  const trouble = `${live} of ${streams.length} streams and ${books.counts.live} of ${known} books are live.`;
  if (troubled !== null && troubled !== trouble) announce(trouble);
  troubled = trouble;
}

function span(ms) {
  return ms === null || ms === undefined ? "–" : duration(ms);
}

function count(number) {
  return number === null || number === undefined ? "–" : exact(String(number));
}

function rate(number) {
  return number === null || number === undefined ? "–" : rounded(number.toFixed(2), number < 10 ? 1 : 0);
}

startTheme();
startAges();
startShortcuts({ m: () => location.assign(".") });
new Feed("api/v1/operations/stream", { status: (document) => status.take(document), operations: take }, (state, at) =>
  status.onFeed(state, at),
).start();
