// Light, dark, or as the system has it.

import { byId, setText } from "./dom.js";
import { recall, remember } from "./storage.js";

const NEXT = { auto: "light", light: "dark", dark: "auto" };
const NAMES = { auto: "Auto", light: "Light", dark: "Dark" };
const SIGNS = { auto: "◐", light: "○", dark: "●" };

const changed = new Set();

/** Call back when colours changed: charts have to be told. */
export function onThemeChange(callback) {
  changed.add(callback);
}

/** Go on to the next of the three. */
export function nextTheme() {
  const now = recall("theme") ?? document.documentElement.dataset.theme ?? "auto";
  apply(NEXT[now] ?? "light");
}

/** Make the switch work. */
export function startTheme() {
  byId("theme").addEventListener("click", nextTheme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
  label(recall("theme") ?? "auto");
}

function apply(theme) {
  remember("theme", theme);
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  label(theme);
  tell();
}

function label(theme) {
  const button = byId("theme");
  setText(button, `${SIGNS[theme] ?? SIGNS.auto} ${NAMES[theme] ?? NAMES.auto}`);
  button.setAttribute("aria-label", `Colour scheme: ${NAMES[theme] ?? NAMES.auto}. Change it`);
}

function tell() {
  for (const callback of changed) callback();
}
