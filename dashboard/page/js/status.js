// Where the data comes from, whether it still comes, and what stands in the way.

import { announce, byId, setBadge, setText } from "./dom.js";
import { setConnected } from "./panel.js";
import { duration } from "./times.js";

const BROKER_LIMIT_MS = 10_000;
const STATES = { connecting: ["connecting", "warn"], open: ["connected", "good"], lost: ["disconnected", "bad"] };

export class Status {
  #lost = false;
  #obstacle = null;
  #ahead = 0;

  /** Take what the feed says of itself. */
  onFeed(state) {
    setBadge(byId("connection"), ...STATES[state]);
    if (state === "lost" && !this.#lost) announce("Disconnected. Retrying.");
    if (state === "open" && this.#lost) announce("Connected again.");
    if (state !== "connecting") this.#lost = state === "lost";
    setConnected(!this.#lost);
    this.#show();
    if (state === "lost") this.#askWhy();
  }

  /** Take a status document. */
  take(status) {
    this.#ahead = status.now_ms - Date.now();
    const source = status.source === null ? "source not known yet" : status.source;
    setBadge(byId("source"), source[0].toUpperCase() + source.slice(1), status.source === null ? "" : status.simulated ? "warn" : "good");
    byId("source").title = status.simulated ? "Made up by the simulated exchange: no real market." : "Where ingest is connected to.";
    setText(byId("version"), `binance-kafka ${status.version}`);
    const away = status.broker_contact_ms === null || status.broker_contact_ms > BROKER_LIMIT_MS;
    const broker = status.broker_contact_ms === null ? "The broker has not answered yet." : `The broker has not answered for ${duration(status.broker_contact_ms)}.`;
    this.#obstacle = status.obstacle ?? (away ? broker : null);
    this.#show();
  }

  /** The server's time now. */
  now() {
    return Date.now() + this.#ahead;
  }

  /** Say why there is nothing to show; null: nothing stands in the way. */
  get obstacle() {
    return this.#obstacle;
  }

  #show() {
    byId("banner").hidden = !this.#lost && this.#obstacle === null;
    setText(byId("banner-what"), this.#lost ? "Disconnected, retrying. What is shown is of the past." : "Not everything can be shown.");
    if (!this.#lost) setText(byId("banner-why"), this.#obstacle ?? "");
  }

  /** A stream that cannot be opened does not say why; the server may, if there is one. */
  async #askWhy() {
    setText(byId("banner-why"), navigator.onLine ? "" : "This machine has no network.");
  }
}
