// Who took: buyers against sellers, over several spans, and window by window.

import { compact, exact, part, scaled, textOf } from "./decimals.js";
import { byId, colour, make, setText } from "./dom.js";
import { draw } from "./frames.js";
import { Panel } from "./panel.js";
import { axis, plotIn, short, uPlot } from "./plots.js";
import { clock } from "./times.js";

const SPANS = [
  ["10 s", 10_000],
  ["1 min", 60_000],
  ["5 min", 300_000],
];
const KEPT = 30; // five minutes: what the server tells

const WINDOW_MS = 10_000;

export class Flow {
  #panel = new Panel("flow", 60);
  #windows = new Map();
  #plot = null;
  #first = true;
  #cells = SPANS.map(([name]) => {
    const cells = {
      buy: make("td", { class: "buy" }),
      sell: make("td", { class: "sell" }),
      share: make("span", { class: "share", "aria-hidden": "true" }),
      words: make("td", { class: "left" }),
    };
    byId("flow-rows").append(
      make(
        "tr",
        {},
        make("th", { scope: "row", class: "left" }, name),
        cells.buy,
        make("td", { class: "bar", "aria-hidden": "true" }, cells.share),
        cells.sell,
        cells.words,
      ),
    );
    return cells;
  });

  begin(symbol) {
    this.#windows.clear();
    this.#first = true;
    this.#panel.emptied(`No trade flow of ${symbol} yet: a window of 10 s is told when it is over and had trades.`);
  }

  take({ flow }, nowMs) {
    if (flow.length === 0) return;
    for (const one of flow) this.#windows.set(one.open_time, one);
    this.#windows = new Map([...this.#windows].sort(([one], [other]) => one - other).slice(-KEPT));
    if (this.#first) this.#panel.found(nowMs - flow.at(-1).close_time);
    else this.#panel.heard();
    this.#first = false;
    draw(this.#draw);
  }

  #draw = () => {
    const windows = [...this.#windows.values()];
    if (windows.length === 0) return;
    this.#panel.filled();
    const inQuote = windows.every((one) => one.taker_buy_quote_volume !== null);
    const of = inQuote
      ? (one) => [one.taker_buy_quote_volume, one.taker_sell_quote_volume]
      : (one) => [one.taker_buy_base_volume ?? "0", one.taker_sell_base_volume ?? "0"];
    const doubtful = windows.some((one) => !one.complete);
    setText(
      byId("flow-note"),
      `${inQuote ? "in quote asset" : "in base asset"}${doubtful ? ", some windows incomplete" : ""}`,
    );
    const end = windows.at(-1).close_time;
    SPANS.forEach(([, span], index) =>
      this.#span(
        this.#cells[index],
        windows.filter((one) => one.open_time >= end - span),
        of,
      ),
    );
    this.#bars(windows, of, end);
  };

  #span(cells, windows, of) {
    let [bought, sold] = [0n, 0n];
    for (const one of windows) {
      const [buy, sell] = of(one);
      bought += scaled(buy);
      sold += scaled(sell);
    }
    const share = part(bought, bought + sold);
    setText(cells.buy, compact(textOf(bought)));
    setText(cells.sell, compact(textOf(sold)));
    cells.buy.title = exact(textOf(bought));
    cells.sell.title = exact(textOf(sold));
    cells.share.style.setProperty("--part", `${((share ?? 0.5) * 100).toFixed(1)}%`);
    const percent = Math.round((share ?? 0.5) * 100);
    setText(cells.words, share === null ? "nothing traded" : `${percent} % bought`);
  }

  #bars(windows, of, end) {
    const byTime = new Map(windows.map((one) => [one.open_time, one]));
    const times = Array.from({ length: KEPT }, (_, index) => end - (KEPT - index) * WINDOW_MS);
    const values = (side, sign) =>
      times.map((time) => (byTime.has(time) ? sign * Number(of(byTime.get(time))[side]) : 0));
    const data = [times.map((time) => time / 1_000), values(0, 1), values(1, -1)];
    if (this.#plot === null) this.#plot = this.#make(data);
    else this.#plot.setData(data);
  }

  #make(data) {
    const bars = (token) => ({
      stroke: () => colour(token),
      fill: () => colour(token),
      width: 0,
      paths: uPlot.paths.bars({ size: [0.7, 24] }),
      points: { show: false },
    });
    const range = (_, low, high) => {
      const most = Math.max(-low, high, 1e-8) * 1.1;
      return [-most, most];
    };
    const options = {
      padding: [8, 0, 0, 16],
      scales: { x: { time: true }, y: { range } },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), "Etc/UTC"),
      axes: [
        axis({
          values: (_, marks) => marks.map((mark) => clock(mark * 1_000).slice(0, 5)),
          size: 28,
          incrs: [60, 120, 300],
        }),
        axis({ side: 1, size: 56, values: short }),
      ],
      cursor: { show: false },
      series: [{}, bars("buy"), bars("sell")],
    };
    return plotIn(byId("flow-chart"), options, data);
  }
}
