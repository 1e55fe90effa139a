// Where the data comes from, whether it still comes, and what stands in the way.

import { announce, byId, setBadge, setText } from "./dom.js";
import { setConnected } from "./panel.js";

const STATES = { connecting: ["connecting", "warn"], open: ["connected", "good"], lost: ["disconnected", "bad"] };

export class Status {
  #lost = false;
  #obstacle = null;
  #refusal = null;
  #ahead = 0;

  /** Take what the feed of an address says of itself. */
  onFeed(state, address) {
    setBadge(byId("connection"), ...STATES[state]);
    if (state === "lost" && !this.#lost) announce("Disconnected. Retrying.");
    if (state === "open" && this.#lost) announce("Connected again.");
    if (state !== "connecting") this.#lost = state === "lost";
    if (state !== "lost") this.#refusal = null;
    setConnected(!this.#lost);
    this.#show();
    if (state === "lost") this.#askWhy(address);
  }

  /** Take a status document. */
  take(status) {
    this.#ahead = status.now_ms - Date.now();
    const known = status.source !== null && status.source !== "unknown";
    const source = known ? status.source : "source not known yet";
    setBadge(
      byId("source"),
      source[0].toUpperCase() + source.slice(1),
      known ? (status.simulated ? "warn" : "good") : "",
    );
    byId("source").title = status.simulated
      ? "Not the real market: nothing shown here was traded for real."
      : "Where ingest is connected to.";
    setText(byId("version"), `binance-kafka ${status.version}`);
    this.#obstacle = status.ready ? null : status.because.join("; ");
    this.#show();
  }

  /** The server's time now. */
  now() {
    return Date.now() + this.#ahead;
  }

  #show() {
    byId("banner").hidden = !this.#lost && this.#obstacle === null;
    const lost =
      this.#refusal === null
        ? "Disconnected, retrying. What is shown is of the past."
        : "The server refuses, and is asked again.";
    setText(byId("banner-what"), this.#lost ? lost : "Not everything is read yet.");
    setText(byId("banner-why"), (this.#lost ? this.#refusal : this.#obstacle) ?? "");
  }

  /** A stream that cannot be opened does not say why; asked as a document, it does. */
  async #askWhy(address) {
    const asking = new AbortController();
    try {
      const answer = await fetch(address, { signal: asking.signal });
      if (!answer.ok && this.#lost) this.#refusal = (await answer.json()).detail ?? null;
    } catch {
      // Nobody answers: the banner says disconnected already.
    } finally {
      asking.abort();
    }
    this.#show();
  }
}
