// What the drawings by uPlot have in common: colours of the scheme, the size of their box.

import uPlot from "../vendor/uPlot.esm.js";

import { compact } from "./decimals.js";
import { colour } from "./dom.js";
import { onThemeChange } from "./theme.js";

/** Return an axis in the colours of the page. */
export function axis(more = {}) {
  return {
    stroke: () => colour("text-soft"),
    font: '11px system-ui, "DejaVu Sans", sans-serif',
    grid: { stroke: () => colour("line"), width: 1 },
    ticks: { show: false },
    gap: 6,
    ...more,
  };
}

/** Return the texts of an axis' marks: sizes, without their sign. */
export function short(_, marks) {
  return marks.map((mark) => compact(String(Math.abs(mark)), 1).replace(/\.0(?=[KMBT]$)/, ""));
}

/** Return a colour made transparent, for areas. */
export function faint(token, alpha) {
  return colour(token)
    .replace(/^rgb\((.*)\)$/, `rgb($1 / ${alpha})`)
    .replaceAll(",", " ");
}

/** Make a plot that fills its box and follows it, and the colour scheme. */
export function plotIn(box, options, data) {
  const size = () => ({ width: Math.max(120, box.clientWidth), height: Math.max(80, box.clientHeight) });
  const plot = new uPlot({ legend: { show: false }, ...size(), ...options }, data, box);
  new ResizeObserver(() => plot.setSize(size())).observe(box);
  onThemeChange(() => plot.redraw(false, true));
  return plot;
}

export { uPlot };
