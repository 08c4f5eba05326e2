// What happens to requests and their answers on a virtual clock. The same for every client.

import { answer, PORTAL, problem } from "./answers.mjs";

// How likely each fault of one request is while the network is bad.
const FAULTS = [
  ["request lost", 0.12], ["answer lost", 0.16], ["request held up", 0.14], ["answer late", 0.12],
  ["doubled", 0.12], ["garbled", 0.1], ["portal", 0.12], ["5xx", 0.08], ["429", 0.04],
];
/** Longer than any client waits before it gives up the first time. */
const SLOW = 20_000;
/** Then the platform gives up a request by itself, as Chromium does. */
const LONGEST = 300_000;

export class Network {
  /** How often each fault happened. */
  faults = new Map();
  /** How likely a fault is. */
  badness = 0;
  /** Nothing comes through until then. */
  outageUntil = 0;
  /** Each answer takes longer than a client waits at first. */
  isSlow = false;

  /** `held`: for how many milliseconds a request may be under way after it was sent; `without`: faults that there are not. */
  constructor({ clock, random, held, without }) {
    Object.assign(this, { clock, random, held, possible: FAULTS.filter(([name]) => !without.includes(name)) });
  }

  /** Sends a request, which arrives whether or not whoever sent it is still there; `ask` is its arrival. */
  async deliver(isRefresh, ask) {
    const { clock, random } = this;
    const isOut = clock.ticks < this.outageUntil;
    if (isOut) {
      this.#note("outage");
      // Most is lost on its way back: the server has moved on by then.
      if (random() < 0.5) ask();
      return this.#lost();
    }
    // Others than refreshes change nothing at the server, and there are fifty times as many.
    const draw = isRefresh || random() < 0.1 ? this.#draw() : null;
    if (isRefresh) await clock.sleep(this.isSlow ? 4_000 + random() * 8_000 : 10 + random() * 100);
    const got = await this.#fate(draw, ask);
    if (isRefresh && this.isSlow) await clock.sleep(4_500 + random() * 8_000);
    return got;
  }

  async #fate(draw, ask) {
    const { clock, random } = this;
    switch (draw) {
      case "request lost":
        return this.#lost();
      case "answer lost":
        ask();
        return this.#lost();
      case "request held up":
        await clock.sleep(random() * (this.held - 12_000));
        return ask();
      case "answer late": {
        const late = ask();
        await clock.sleep(random() * SLOW);
        return late;
      }
      case "doubled": {
        const copy = new Promise((resolve) => clock.after(random() * (this.held - 12_000), () => resolve(ask())));
        const first = ask();
        return random() < 0.5 ? first : copy;
      }
      case "garbled": {
        const whole = await ask().text();
        const drawn = random();
        if (drawn < 0.4) return answer({ text: whole.slice(0, Math.floor(random() * whole.length)) });
        if (drawn < 0.7) return answer({ text: '{"status":"ok"}' });
        return answer({ status: 401, type: "application/problem+json", text: whole.slice(0, Math.floor(whole.length / 2)) });
      }
      case "portal": {
        const url = random() < 0.5 ? "http://portal.example/" : "";
        return answer({ ...PORTAL, status: [200, 401, 403, 511][Math.floor(random() * 4)], url, redirected: url !== "" });
      }
      case "5xx": {
        // Done or not; of a gateway, or of the API itself.
        if (random() < 0.5) ask();
        const status = [500, 502, 503, 504][Math.floor(random() * 4)];
        if (random() < 0.3) return problem(503, "unavailable", { retry_after: 1 });
        return answer({ status, text: '{"message":"Service Unavailable"}' });
      }
      case "429":
        return answer({ status: 429, text: '{"message":"Too Many Requests"}' });
      default:
        return ask();
    }
  }

  /** At once, as without a connection, or so late that clients have given up long before. */
  #lost() {
    return this.clock.sleep(this.random() < 0.5 ? 50 : LONGEST).then(() => Promise.reject(new TypeError("fetch failed")));
  }

  #draw() {
    if (this.badness === 0 || this.random() >= this.badness) return null;
    let left = this.random();
    for (const [name, share] of this.possible) {
      left -= share;
      if (left >= 0) continue;
      this.#note(name);
      return name;
    }
    return null;
  }

  #note(name) {
    this.faults.set(name, (this.faults.get(name) ?? 0) + 1);
  }
}
