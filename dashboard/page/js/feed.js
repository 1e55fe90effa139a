// A stream of server-sent events that comes back by itself.
//
// EventSource alone gives up on any answer but 200 (a server that starts, a proxy without one behind it), and does not
// notice a connection over which nothing comes any more. So: own retries with backoff, and a watch on the silence.

const SILENT_MS = 3_000; // the server says something each second
const DEAD_MS = 6_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 8_000;

export class Feed {
  #address;
  #handlers;
  #onState;
  #source = null;
  #retry = null;
  #watch = null;
  #failures = 0;
  #heardAt = 0;
  #state = "";

  /**
   * @param address where the stream is.
   * @param handlers by event name: what takes its document.
   * @param onState told "connecting", "open" or "lost", and the address.
   */
  constructor(address, handlers, onState) {
    this.#address = address;
    this.#handlers = handlers;
    this.#onState = onState;
  }

  start() {
    this.#tell("connecting");
    this.#open();
    this.#watch = setInterval(() => this.#look(), 500);
    addEventListener("online", this.retryNow);
    document.addEventListener("visibilitychange", this.retryNow);
    return this;
  }

  stop() {
    clearInterval(this.#watch);
    clearTimeout(this.#retry);
    removeEventListener("online", this.retryNow);
    document.removeEventListener("visibilitychange", this.retryNow);
    this.#close();
  }

  /** Do not wait for the next retry: the network is back, or somebody looks again. */
  retryNow = () => {
    if (this.#source === null && this.#watch !== null && !document.hidden) this.#open();
  };

  #open() {
    clearTimeout(this.#retry);
    this.#close();
    const source = new EventSource(this.#address);
    this.#source = source;
    this.#heardAt = performance.now();
    source.onerror = () => {
      if (this.#source === source) this.#fail();
    };
    for (const [name, handle] of Object.entries(this.#handlers)) {
      source.addEventListener(name, (event) => {
        if (this.#source !== source) return;
        this.#heardAt = performance.now();
        this.#failures = 0;
        this.#tell("open");
        handle(JSON.parse(event.data));
      });
    }
  }

  #close() {
    this.#source?.close();
    this.#source = null;
  }

  #look() {
    if (this.#source === null) return;
    const silentMs = performance.now() - this.#heardAt;
    if (silentMs > DEAD_MS) this.#fail();
    else if (silentMs > SILENT_MS) this.#tell("lost");
  }

  #fail() {
    this.#close();
    this.#failures += 1;
    this.#tell("lost");
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1));
    this.#retry = setTimeout(() => this.#open(), longest * (0.75 + Math.random() / 4));
  }

  #tell(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#onState(state, this.#address);
  }
}
