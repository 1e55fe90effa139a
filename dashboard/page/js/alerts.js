// Alerts about the symbol: what is open first, then what is over.

import { compact, rounded, scaled, textOf } from "./decimals.js";
import { announce, byId, make, setText } from "./dom.js";
import { draw } from "./frames.js";
import { Panel } from "./panel.js";
import { clock, dateAndTime, duration } from "./times.js";

const KINDS = {
  "volume-spike": "Volume spike",
  "one-sided-flow": "One-sided flow",
  "crossed-book": "Crossed book",
  "locked-book": "Locked book",
  "stale-book": "Stale book",
};
const MEANINGS = {
  "crossed-book": "The best bid is above the best ask.",
  "locked-book": "The best bid equals the best ask.",
  "stale-book": "Nobody vouched for the book any more.",
};

export class Alerts {
  #panel = new Panel("alerts", Infinity);
  #alerts = null;
  #open = null;
  #symbol = "";

  begin(symbol) {
    this.#alerts = null;
    this.#open = null;
    this.#symbol = symbol;
    this.#panel.emptied(`Alerts about ${symbol} are not read yet.`);
    setText(byId("alerts-open"), "");
  }

  take({ alerts }) {
    const rank = (one) => (one.status === "open" ? 0 : 1);
    this.#alerts = alerts
      .filter((one) => one.symbol === this.#symbol)
      .sort((one, other) => rank(one) - rank(other) || other.time - one.time);
    this.#panel.heard();
    draw(this.#draw);
  }

  #draw = () => {
    if (this.#alerts === null) return;
    const open = this.#alerts.filter((one) => one.status === "open");
    const fresh = open.filter((one) => this.#open !== null && !this.#open.has(keyOf(one)));
    if (fresh.length > 0) announce(fresh.map((one) => `Alert: ${nameOf(one)} of ${one.symbol}.`).join(" "));
    this.#open = new Set(open.map(keyOf));
    setText(byId("alerts-open"), open.length === 0 ? "" : `${open.length} open`);
    if (this.#alerts.length === 0) {
      this.#panel.emptied(
        `No alert about ${this.#symbol}: no volume spike, no one-sided flow, no book that is crossed, locked or stale.`,
      );
      return;
    }
    this.#panel.filled();
    byId("alerts-list").replaceChildren(...this.#alerts.map(item));
  };
}

function keyOf(one) {
  return `${one.kind}/${one.window}/${one.opened_time}`;
}

function nameOf(one) {
  return KINDS[one.kind] ?? one.kind;
}

function item(one) {
  const open = one.status === "open";
  const when = open
    ? `since ${clock(one.opened_time)}`
    : `${dateAndTime(one.opened_time)}, for ${duration(one.time - one.opened_time)}`;
  return make(
    "li",
    { class: "alert" },
    make("b", {}, nameOf(one)),
    make("span", { class: `badge ${open ? "bad" : ""}` }, open ? "open" : "closed"),
    make("p", {}, [when, details(one)].filter(Boolean).join(" · ")),
  );
}

function details(one) {
  if (one.value === null) return MEANINGS[one.kind] ?? "";
  const window = one.window === null ? "" : ` in ${one.window}`;
  if (one.kind === "one-sided-flow") {
    const limit = one.threshold === null ? "" : `, limit ${percent(one.threshold)}`;
    return `${one.side === "BUY" ? "buyers" : "sellers"} had ${percent(one.value)}${window}${limit}`;
  }
  const limit = one.threshold === null ? "" : `, limit ${compact(one.threshold)}`;
  const usual = one.baseline === null ? "" : `, usual ${compact(one.baseline)}`;
  return `${compact(one.value)}${window}${limit}${usual}`;
}

function percent(share) {
  return `${rounded(textOf(scaled(share), 14), 0)} %`;
}
