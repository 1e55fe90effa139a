// Single keys. They can be switched off, for people whose voice or assistive software types.

import { byId } from "./dom.js";
import { recall, remember } from "./storage.js";
import { nextTheme } from "./theme.js";

/** Make keys work: by key, what it does. The help is shown by ?, the theme changed by t, on every page. */
export function startShortcuts(keys) {
  const help = byId("help");
  const all = { ...keys, t: nextTheme, "?": () => help.showModal() };
  const allowed = byId("keys-allowed");
  allowed.checked = recall("keys") !== "off";
  allowed.addEventListener("change", () => remember("keys", allowed.checked ? "on" : "off"));
  byId("help-open").addEventListener("click", () => help.showModal());
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, dialog");
    if (!allowed.checked || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = all[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
}
