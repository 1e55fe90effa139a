// Cumulative depth: what could be sold down to a price, and bought up to one. Two stepped areas that meet at the mid.

import { cumulated, sidesOf } from "./book.js";
import { exact, percentChange, scaled, textOf } from "./decimals.js";
import { byId, colour, setText } from "./dom.js";
import { draw } from "./frames.js";
import { Panel } from "./panel.js";
import { axis, faint, plotIn, short, uPlot } from "./plots.js";

const WORDS_EVERY_MS = 5_000; // the text alternative; nobody listens to ten a second

export class Depth {
  #panel = new Panel("depth", 10);
  #plot = null;
  #book = null;
  #levels = [];
  #range = [0, 1];
  #saidAt = -Infinity;

  begin(symbol) {
    this.#book = null;
    this.#saidAt = -Infinity;
    this.#panel.doubt(null);
    this.#panel.emptied(`No depth of ${symbol} yet: it is drawn from the order book.`);
  }

  take(book) {
    this.#book = book;
    draw(this.#draw);
  }

  #draw = () => {
    const book = this.#book;
    if (book === null) return;
    const { bids, asks } = sidesOf(book);
    if (bids.length === 0 || asks.length === 0) {
      this.#panel.emptied("An order book with both sides is needed to draw its depth.");
      return;
    }
    this.#panel.filled();
    this.#panel.heard(book.heard_ms_ago ?? 0);
    // The ladder says why, and announces it.
    this.#panel.doubt(book.state === "live" ? null : `The order book is ${book.state}.`, { aloud: false });
    const [down, up] = [cumulated(bids), cumulated(asks)];
    const mid = (Number(bids[0][0]) + Number(asks[0][0])) / 2;
    this.#range = around(mid, mid - Number(bids.at(-1)[0]), Number(asks.at(-1)[0]) - mid);
    this.#levels = [...[...down].reverse(), null, ...up];
    const data = [
      this.#levels.map((level) => (level === null ? mid : Number(level[0]))),
      this.#levels.map((level, at) => (at > down.length ? null : level === null ? 0 : Number(level[2]) / 1e8)),
      this.#levels.map((level, at) => (at < down.length ? null : level === null ? 0 : Number(level[2]) / 1e8)),
    ];
    if (this.#plot === null) this.#plot = this.#make(data);
    else this.#plot.setData(data);
    this.#say(down, up);
  };

  #make(data) {
    const area = (token, align) => ({
      stroke: () => colour(token),
      fill: () => faint(token, 0.16),
      width: 1.5,
      paths: uPlot.paths.stepped({ align }),
      points: { show: false },
    });
    const options = {
      padding: [8, 0, 0, 24],
      scales: {
        x: { time: false, range: () => this.#range },
        y: { range: (_, low, high) => [0, Math.max(high * 1.06, 1e-8)] },
      },
      axes: [
        axis({ size: 28, values: (_, marks) => marks.map((mark) => exact(String(mark))) }),
        axis({ size: 56, side: 1, values: short }),
      ],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      series: [{}, area("buy", -1), area("sell", 1)],
      hooks: { setCursor: [(plot) => this.#point(plot.cursor.idx)] },
    };
    return plotIn(byId("depth-chart"), options, data);
  }

  /** Say in exact figures what the cursor is at. */
  #point(at) {
    const level = at === null || at === undefined ? null : this.#levels[at];
    const legend = byId("depth-legend");
    if (level === null || level === undefined) {
      setText(legend, "Point at the areas for figures.");
      return;
    }
    const side = at < this.#levels.indexOf(null) ? "bids down to" : "asks up to";
    setText(legend, `${exact(textOf(level[2], 8))} in ${side} ${exact(level[0])}`);
  }

  #say(down, up) {
    if (performance.now() - this.#saidAt < WORDS_EVERY_MS) return;
    this.#saidAt = performance.now();
    const words = (side, levels, name) => {
      const away = percentChange(side, levels.at(-1)[0]);
      return `${exact(textOf(levels.at(-1)[2], 8))} in ${levels.length} ${name}, the last ${away} % away`;
    };
    const lean =
      scaled(textOf(down.at(-1)[2], 8)) > scaled(textOf(up.at(-1)[2], 8))
        ? "More is bid than offered."
        : "More is offered than bid.";
    setText(byId("depth-words"), `${words(down[0][0], down, "bids")}; ${words(up[0][0], up, "asks")}. ${lean}`);
  }
}

/** Return a range with the mid in its middle, so that sides compare; no far level squeezes the rest. */
function around(mid, down, up) {
  const half = Math.min(Math.max(down, up), 3 * Math.min(down, up)) || mid * 0.0001 || 1;
  return [mid - half, mid + half];
}
