// How many refreshes go by without a sign-out, on a virtual clock:
//
//   node clients/conformance/simulation/simulate.mjs [--refreshes 20000] [--seed 1] [--minutes 0]
//
// Each round the access token runs out, and 50 requests meet that at once, in up to three processes that share a store. Requests and answers are lost, for up to half an hour on end, delayed, doubled and garbled; portals and gateways
// answer in our place; processes are killed anywhere, also between receiving and storing, and started again; the device's
// clock is set. Ends with status 1 at a sign-out.

import { parseArgs } from "node:util";

import { createClient } from "../../typescript/dist/index.js";
import { Lock } from "../lock.mjs";
import { answer, PORTAL } from "./answers.mjs";
import { chance, Clock, settled } from "./clock.mjs";
import { Server } from "./server.mjs";

const AT_ONCE = 50;
const LONGEST_OUTAGE = 1_800_000;
const URL_ = "https://auth.example.com";
// In the order in which they are drawn: how likely each fault of one request is while the network is bad.
const FAULTS = [
  ["request lost", 0.15], ["answer lost", 0.2], ["answer late", 0.15], ["request doubled", 0.1],
  ["garbled", 0.1], ["portal", 0.1], ["gateway", 0.1], ["slow", 0.05],
];

// Node's own is most of what a request costs here, and nothing but `aborted` is looked at.
globalThis.AbortController = class {
  signal = { aborted: false, addEventListener() {}, removeEventListener() {} };
  abort() {
    this.signal.aborted = true;
  }
};

/** A store that outlives processes, and its lock, which a process that is killed lets go. */
class Disk {
  kept = new Map();
  #shared = new Lock();

  constructor(clock, random) {
    this.clock = clock;
    this.random = random;
  }

  of(process) {
    const io = async (work, slowness) => {
      await process.alive();
      if (this.random() < slowness) await process.sleep(this.random() * 2_000);
      return work();
    };
    return {
      get: (key) => io(() => this.kept.get(key) ?? null, 0.01),
      set: (key, value) => {
        // Killed while it writes.
        if (this.random() < process.simulation.killing / 2) {
          this.clock.after(this.random() * 1_000, () => process.simulation.kill(process));
          return process.sleep(1_000);
        }
        return io(() => void this.kept.set(key, value), 0.1);
      },
      remove: (key) => io(() => void this.kept.delete(key), 0.1),
      lock: (work) => this.#lock(process, work),
    };
  }

  async #lock(process, work) {
    // A lease can end while its holder hangs.
    if (this.random() < process.simulation.leaking) return work();
    return this.#shared.hold(process, work);
  }

  letGo(process) {
    this.#shared.release(process);
  }
}

/** An app's process: killed, nothing of it goes on. */
class Process {
  isKilled = false;
  signedOut = null;

  constructor(simulation) {
    this.simulation = simulation;
    const { clock, random } = simulation;
    const epoch = random() * 1e6;
    this.client = createClient({
      url: URL_,
      storage: simulation.disk.of(this),
      world: {
        fetch: (url, init) => this.#fetch(url, init),
        now: () => clock.now(),
        ticks: () => epoch + clock.ticks,
        after: (milliseconds, what) => clock.after(milliseconds, () => this.isKilled || what()),
        random,
      },
    });
    this.client.auth.onChange(({ signedIn, problem }) => {
      if (!signedIn) this.signedOut = problem?.code ?? "forgotten";
    });
  }

  kill() {
    this.isKilled = true;
    this.simulation.disk.letGo(this);
  }

  /** Never, once it is killed. */
  alive() {
    return this.isKilled ? new Promise(() => {}) : Promise.resolve();
  }

  async sleep(milliseconds) {
    await this.simulation.clock.sleep(milliseconds);
    await this.alive();
  }

  async #fetch(url, { method, headers, body, signal }) {
    const path = url.slice(URL_.length);
    const isRefresh = path === "/v1/auth/refresh";
    await this.alive();
    const sent = { authorization: headers.authorization, body };
    const got = await this.simulation.deliver(this, isRefresh, () => this.simulation.server.answer(method, path, sent));
    await this.alive();
    if (signal.aborted) throw new Error("aborted");
    // Killed between receiving and storing.
    if (isRefresh && this.simulation.random() < this.simulation.killing) {
      this.simulation.kill(this);
      await this.alive();
    }
    return got;
  }
}

class Simulation {
  told = { calls: 0, kills: 0, outages: 0, restarts: 0, clocks: 0 };
  faults = new Map();
  killing = 0;
  leaking = 0;
  #badness = 0;
  #outageUntil = 0;

  constructor(seed) {
    this.random = chance(seed);
    this.clock = new Clock();
    this.server = new Server(this.clock);
    this.disk = new Disk(this.clock, this.random);
    const { access_token: access, refresh_token: refresh, device_token: token } = this.server.tokens();
    const session = { access, refresh, lifetime: 900, at: this.clock.now() };
    this.disk.kept.set("latchkey.session", JSON.stringify(session));
    this.disk.kept.set("latchkey.device", JSON.stringify({ token }));
    this.processes = [new Process(this)];
  }

  /** Takes a request to the server and its answer back, if nothing happens to them. */
  async deliver(process, isRefresh, ask) {
    const { clock, random } = this;
    const draw = isRefresh ? this.#fault() : null;
    if (isRefresh && clock.ticks < this.#outageUntil) {
      this.#note("outage");
      // What an outage loses most is the answer: the server has changed hands by then.
      if (random() < 0.5) ask();
      return this.#lost(process);
    }
    if (isRefresh) await process.sleep(10 + random() * 100);
    switch (draw) {
      case "request lost":
        return this.#lost(process);
      case "answer lost":
        ask();
        return this.#lost(process);
      case "answer late": {
        const late = ask();
        await process.sleep(random() * 20_000);
        return late;
      }
      case "slow":
        // A request that is held up arrives within the server's grace.
        await process.sleep(random() * 7_000);
        return ask();
      case "request doubled":
        clock.after(random() * 20_000, ask);
        return ask();
      case "garbled": {
        const whole = await ask().text();
        // Half of it, or of another kind.
        if (random() < 0.5) return answer({ text: whole.slice(0, Math.floor(random() * whole.length)) });
        return answer({ text: '{"status":"ok"}' });
      }
      case "portal":
        return answer({ ...PORTAL, status: random() < 0.5 ? 200 : 401, url: random() < 0.5 ? "http://portal.example/" : "" });
      case "gateway":
        if (random() < 0.5) ask();
        return answer({ status: [429, 500, 502, 503][Math.floor(random() * 4)], text: '{"message":"Service Unavailable"}' });
      default:
        return ask();
    }
  }

  #lost(process) {
    // At once, as without a connection; or never.
    if (this.random() < 0.5) return process.sleep(50).then(() => Promise.reject(new TypeError("no network")));
    return new Promise(() => {});
  }

  #fault() {
    if (this.random() >= this.#badness) return null;
    let left = this.random();
    for (const [name, share] of FAULTS) {
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

  /** The token runs out, and all ask at once; answers why somebody was signed out, or null. */
  async round() {
    const { clock, random, told } = this;
    this.#badness = random() < 0.3 ? random() : 0;
    this.killing = random() < 0.1 ? 0.3 : 0;
    this.leaking = random() < 0.1 ? 0.5 : 0;
    if (random() < 0.02) {
      told.outages += 1;
      this.#outageUntil = clock.ticks + 900_000 + random() * LONGEST_OUTAGE;
    }
    if (random() < 0.05) {
      told.clocks += 1;
      clock.shift = (random() - 0.5) * 2 * 86_400_000 * (random() < 0.2 ? 400 : 0.02);
    }
    // Killed at any other moment, and perhaps one more beside it.
    if (random() < 0.05 && this.processes.length < 3) this.processes.push(new Process(this));
    if (random() < 0.05) this.#replace(this.processes[Math.floor(random() * this.processes.length)]);
    await clock.advance(random() < 0.7 ? 900_000 : 840_000 + random() * 60_000);
    const began = clock.ticks;
    for (let call = 0; call < AT_ONCE; call += 1) {
      told.calls += 1;
      this.processes[call % this.processes.length].client.me.get().catch(() => {});
    }
    if (random() < this.killing) {
      await clock.advance(random() * 3_000);
      const [one] = this.processes;
      this.kill(one);
    }
    // Until the network is back, whoever uses the app looks at it again and again.
    for (;;) {
      await settled();
      for (const process of this.processes) if (process.isKilled) this.#replace(process);
      const all = Promise.allSettled(this.processes.map((process) => process.client.me.get()));
      await clock.until(Promise.race([all, clock.sleep(30_000)]));
      const over = this.server.ended ?? this.processes.find(({ signedOut }) => signedOut)?.signedOut;
      if (over) return over;
      const results = await Promise.race([all, settled().then(() => null)]);
      if (results?.every(({ status }) => status === "fulfilled")) return null;
      if (clock.ticks - began > 2 * LONGEST_OUTAGE) return "never came back";
      if (clock.ticks >= this.#outageUntil + 120_000) this.#badness = 0;
    }
  }

  kill(process) {
    if (process.isKilled) return;
    this.told.kills += 1;
    process.kill();
  }

  #replace(process) {
    process.kill();
    this.told.restarts += 1;
    this.processes.splice(this.processes.indexOf(process), 1, new Process(this));
  }
}

const { values } = parseArgs({
  options: {
    refreshes: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    minutes: { type: "string", default: "0" },
  },
});
const began = Date.now();
const simulation = new Simulation(Number(values.seed));
let over = null;
while (!over && simulation.server.refreshes < Number(values.refreshes)) {
  over = await simulation.round();
  if (Number(values.minutes) > 0 && Date.now() - began > Number(values.minutes) * 60_000) break;
}
const { told, server, clock } = simulation;
console.log(`seed ${values.seed}: ${server.refreshes} refreshes in ${Math.round(clock.ticks / 86_400_000)} days of virtual time`);
console.log(`${told.calls} requests, ${told.kills} kills, ${told.restarts} new processes, ${told.outages} outages, ${told.clocks} clocks set`);
console.log([...simulation.faults].map(([name, count]) => `${name} ${count}`).join(", "));
console.log(over ? `SIGNED OUT: ${over}` : "nobody was signed out");
console.log(`${Math.round((Date.now() - began) / 1_000)} s`);
process.exit(over ? 1 : 0);
