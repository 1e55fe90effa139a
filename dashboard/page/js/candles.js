// Candles with volume.

import {
  ColorType,
  CandlestickSeries,
  CrosshairMode,
  HistogramSeries,
  createChart,
} from "../vendor/lightweight-charts.standalone.production.mjs";

import { Places, compact, exact, percentChange } from "./decimals.js";
import { byId, chooseAmong, colour, make, setText } from "./dom.js";
import { draw } from "./frames.js";
import { Panel } from "./panel.js";
import { faint } from "./plots.js";
import { onThemeChange } from "./theme.js";
import { dateAndTime } from "./times.js";

const IN_TABLE = 30;
const MOST = 2_000; // of a page that stays open for weeks

export class Candles {
  #panel = new Panel("candles", 120);
  #candles = new Map(); // by open time, oldest first
  #changed = new Set();
  #whole = true;
  #pointedAt = null;
  #prices = new Places();
  #chart = null;
  #series = null;
  #volume = null;

  constructor(interval, onInterval) {
    this.showInterval = chooseAmong(byId("intervals"), interval, onInterval);
    byId("candles-table").addEventListener("toggle", () => draw(this.#draw));
    onThemeChange(() => {
      this.#whole = true;
      this.#chart?.applyOptions(look());
      draw(this.#draw);
    });
  }

  begin(symbol, interval) {
    this.#candles.clear();
    this.#changed.clear();
    this.#prices.forget();
    this.#whole = true;
    this.#pointedAt = null;
    this.showInterval(interval);
    this.#panel.emptied(`No candles of ${interval} of ${symbol} yet: they come with its first trades.`);
  }

  /** Take all candles. */
  takeAll({ candles }, nowMs) {
    this.#candles = new Map(candles.map((one) => [one.open_time, one]));
    this.#whole = true;
    if (candles.length > 0) this.#panel.found(nowMs - candles.at(-1).close_time);
    draw(this.#draw);
  }

  /** Take those that changed. */
  take({ candles }) {
    const newest = [...this.#candles.keys()].at(-1) ?? -Infinity;
    for (const one of candles) {
      if (one.open_time < newest) this.#whole = true;
      this.#candles.set(one.open_time, one);
      this.#changed.add(one.open_time);
    }
    while (this.#candles.size > MOST) this.#candles.delete(this.#candles.keys().next().value);
    if (this.#whole) this.#candles = new Map([...this.#candles].sort(([one], [other]) => one - other));
    if (candles.length > 0) this.#panel.heard();
    draw(this.#draw);
  }

  #draw = () => {
    if (this.#candles.size === 0) return;
    this.#panel.filled();
    const all = [...this.#candles.values()];
    const places = this.#prices.most;
    this.#prices.over(all.slice(-IN_TABLE).flatMap((one) => [one.open, one.high, one.low, one.close]));
    if (this.#chart === null) this.#make();
    if (places !== this.#prices.most || this.#whole) {
      const minMove = 10 ** -this.#prices.most;
      this.#series.applyOptions({ priceFormat: { type: "price", precision: this.#prices.most, minMove } });
    }
    if (this.#whole) {
      this.#series.setData(all.map(bar));
      this.#volume.setData(all.map(volumeBar));
    } else {
      for (const time of [...this.#changed].sort((one, other) => one - other)) {
        this.#series.update(bar(this.#candles.get(time)));
        this.#volume.update(volumeBar(this.#candles.get(time)));
      }
    }
    this.#whole = false;
    this.#changed.clear();
    this.#legend();
    if (byId("candles-table").open) this.#table(all);
  };

  #make() {
    const box = byId("candles-chart");
    this.#chart = createChart(box, { autoSize: true, ...look() });
    this.#volume = this.#chart.addSeries(HistogramSeries, {
      priceFormat: { type: "volume" },
      priceScaleId: "",
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#series = this.#chart.addSeries(CandlestickSeries, { borderVisible: false });
    this.#series.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.24 } });
    this.#volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.#chart.subscribeCrosshairMove(({ time }) => {
      this.#pointedAt = time === undefined ? null : time * 1_000;
      draw(() => this.#legend());
    });
  }

  /** Say the pointed candle's figures, or the last one's: exact, as text. */
  #legend() {
    const one = this.#candles.get(this.#pointedAt) ?? [...this.#candles.values()].at(-1);
    if (one === undefined) return;
    const change = percentChange(one.open, one.close);
    const price = (text) => make("b", {}, exact(text, this.#prices.most));
    const marks = [
      one.final ? null : "still open",
      one.complete ? null : "incomplete: trades are missing",
      one.revision ? "corrected" : null,
    ];
    byId("candles-legend").replaceChildren(
      make("span", {}, `${dateAndTime(one.open_time)} UTC`),
      make("span", {}, "Open ", price(one.open)),
      make("span", {}, "High ", price(one.high)),
      make("span", {}, "Low ", price(one.low)),
      make("span", {}, "Close ", price(one.close)),
      make("span", { class: change?.startsWith("−") ? "sell" : "buy" }, change === null ? "" : `${change} %`),
      make("span", {}, "Volume ", make("b", {}, compact(volumeOf(one)))),
      ...marks.filter(Boolean).map((mark) => make("span", { class: "warn" }, mark)),
    );
  }

  #table(all) {
    byId("candles-rows").replaceChildren(
      ...all
        .slice(-IN_TABLE)
        .reverse()
        .map((one) =>
          make(
            "tr",
            {},
            make("th", { scope: "row", class: "left" }, dateAndTime(one.open_time)),
            ...[one.open, one.high, one.low, one.close].map((text) => make("td", {}, exact(text, this.#prices.most))),
            make("td", {}, exact(volumeOf(one))),
            make("td", {}, String(one.trade_count)),
          ),
        ),
    );
  }
}

function volumeOf(one) {
  return one.contract_volume ?? one.base_volume ?? "0";
}

function bar(one) {
  const token = Number(one.close) < Number(one.open) ? "sell" : "buy";
  const paint = one.complete ? colour(token) : faint(token, 0.4);
  return {
    time: one.open_time / 1_000,
    open: Number(one.open),
    high: Number(one.high),
    low: Number(one.low),
    close: Number(one.close),
    color: paint,
    wickColor: paint,
  };
}

function volumeBar(one) {
  const token = Number(one.close) < Number(one.open) ? "sell" : "buy";
  return { time: one.open_time / 1_000, value: Number(volumeOf(one)), color: faint(token, 0.3) };
}

function look() {
  const line = { color: colour("line") };
  return {
    layout: {
      attributionLogo: false, // it brings a style element, which the page's policy refuses: the page itself names them
      background: { type: ColorType.Solid, color: colour("surface") },
      textColor: colour("text-soft"),
      fontFamily: 'system-ui, "DejaVu Sans", sans-serif',
      fontSize: 11,
    },
    grid: { vertLines: line, horzLines: line },
    rightPriceScale: { borderColor: colour("line") },
    timeScale: { borderColor: colour("line"), timeVisible: true, secondsVisible: false, rightOffset: 3, barSpacing: 8 },
    crosshair: { mode: CrosshairMode.Normal },
    // Else the wheel and a finger would be caught on the way down the page.
    handleScroll: { mouseWheel: false, vertTouchDrag: false },
    handleScale: { mouseWheel: false },
    localization: { locale: "en-GB" },
  };
}
