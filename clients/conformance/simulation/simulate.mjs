// How many refreshes go by without a sign-out, on a virtual clock:
//
//   node clients/conformance/simulation/simulate.mjs [--refreshes 20000] [--seed 1] [--parallel 50] [--held 30] [--peer auth-js]
//     [--without portal,429] [--workers 1] [--first]
//
// Each round the access token is over or refused, and 50 requests meet that at once, in up to three processes that share a
// store. Requests and answers are lost, for up to half an hour on end, held up, late, doubled and garbled; portals and gateways
// answer in our place; whole networks are slow; processes are killed anywhere, also between receiving and storing, and sleep;
// the device's clock is set.
//
// `--held` is for how many seconds a request may be under way after it was sent, `--without` names faults that there are not,
// `--workers` shares the refreshes out to so many programs, each with a seed of its own, `--first` ends at the first who is
// signed out. SIGTERM ends it with what there is. Ends with status 1 where somebody was signed out, or did not come back; of a
// peer with 0, whatever came of it.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { chance, Clock, settled } from "./clock.mjs";
import { Device } from "./device.mjs";
import { Network } from "./network.mjs";

const LONGEST_OUTAGE = 1_800_000;
// The network is as good as ever then.
const LONGEST_ROUND = 3 * LONGEST_OUTAGE;
const DAY = 86_400_000;

class Simulation {
  tally = { rounds: 0, calls: 0, kills: 0, sleeps: 0, outages: 0, slow: 0, clocks: 0, refusals: 0, signedOut: 0, stuck: 0 };
  /** Why people were signed out. */
  reasons = new Map();
  #over = null;

  constructor({ client, seed, parallel, held, without }) {
    const [random, clock] = [chance(seed), new Clock()];
    Object.assign(this, { client, random, clock, parallel, server: client.makeServer(clock) });
    this.network = new Network({ clock, random, held, without });
    this.device = new Device({ clock, random, tally: this.tally, start: (process) => this.#start(process) });
    this.#begin();
  }

  #start(process) {
    const { client, clock, server, network, random } = this;
    return client.start({
      process, server, network, random, clock,
      now: () => clock.now(),
      ticks: () => clock.ticks + process.born,
      over: (why) => (this.#over ??= why),
    });
  }

  /** Somebody signs in. */
  #begin() {
    const { client, clock, device, server } = this;
    for (const process of [...device.processes]) device.kill(process);
    device.kept = new Map(client.stored(server.begin(), clock.now()));
    device.open();
    this.#over = null;
  }

  /** The token is over, and all ask at once. */
  async round() {
    const { clock, random, tally, device, network } = this;
    tally.rounds += 1;
    await this.#prepare();
    if (device.processes.length === 0) device.open();
    const began = clock.ticks;
    const isRefused = random() < 0.4;
    if (isRefused) {
      tally.refusals += 1;
      this.server.refuseAccess();
    }
    for (let call = 0; call < this.parallel; call += 1) {
      tally.calls += 1;
      device.processes[call % device.processes.length].client.ask().catch(() => {});
    }
    await this.#disturb();
    // Whoever uses the app looks at it again and again.
    for (;;) {
      await settled();
      if (!device.processes.some(({ sleeps }) => !sleeps)) device.open();
      const awake = device.processes.filter(({ sleeps }) => !sleeps);
      const all = Promise.all(awake.map(({ client }) => client.ask()));
      let isWell = false;
      all.then(() => (isWell = true), () => {});
      await clock.until(Promise.race([all.catch(() => {}), clock.sleep(30_000)]));
      const over = this.server.ended ?? this.#over;
      if (over) return this.#isOver(over, began);
      if (isWell) return;
      if (clock.ticks - began > LONGEST_ROUND) return this.#isOver(null, began);
      // What is lost at once is not asked again at once by a person either.
      await clock.advance(1_000);
      if (clock.ticks - began > LONGEST_OUTAGE + 120_000) network.badness = 0;
    }
  }

  /** Draws what goes wrong in this round, and lets time pass until the token is over, or not. */
  async #prepare() {
    const { clock, random, tally, device, network } = this;
    network.badness = random() < 0.3 ? random() : 0;
    network.isSlow = random() < 0.03;
    tally.slow += Number(network.isSlow);
    device.killing = random() < 0.1 ? 0.3 : 0;
    for (const process of device.processes) if (process.sleeps && random() < 0.3) process.wake();
    if (random() < 0.05 && device.processes.length < 3) device.open();
    if (random() < 0.05) {
      device.kill(device.processes[Math.floor(random() * device.processes.length)]);
    }
    const drawn = random();
    await clock.advance(drawn < 0.25 ? random() * 10_000 : drawn < 0.7 ? 900_000 : 840_000 + random() * 60_000);
    if (random() < 0.02) {
      tally.outages += 1;
      network.outageUntil = clock.ticks + random() * LONGEST_OUTAGE;
    }
    if (random() < 0.05) this.#setClock();
  }

  /** What happens while all wait. */
  async #disturb() {
    const { clock, random, device } = this;
    const one = device.processes[Math.floor(random() * device.processes.length)];
    if (random() < device.killing) {
      await clock.advance(random() * 3_000);
      if (device.processes.includes(one)) device.kill(one);
    } else if (random() < 0.08) {
      await clock.advance(random() * (random() < 0.5 ? 200 : 20_000));
      if (device.processes.includes(one)) one.sleep();
      // For a moment, or much longer than this round.
      if (random() < 0.5) clock.after(random() * random() * 7_200_000, () => one.wake());
    }
    if (random() < 0.01) clock.after(random() * 20_000, () => this.#setClock());
  }

  /** Forward or back, by minutes or by months. */
  #setClock() {
    this.tally.clocks += 1;
    this.clock.shift = (this.random() - 0.5) * 2 * DAY * (this.random() < 0.2 ? 400 : 0.02);
  }

  #isOver(why, began) {
    const reason = why ?? "does not come back";
    if (why) this.tally.signedOut += 1;
    else this.tally.stuck += 1;
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
    if (values.verbose) process.stderr.write(`round ${this.tally.rounds}, ${Math.round((this.clock.ticks - began) / 1_000)} s after it began: ${reason}\n`);
    this.#begin();
  }
}

const { values } = parseArgs({
  options: {
    refreshes: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    parallel: { type: "string", default: "50" },
    held: { type: "string", default: "30" },
    peer: { type: "string", default: "latchkey" },
    without: { type: "string", default: "" },
    workers: { type: "string", default: "1" },
    first: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
if (Number(values.workers) > 1) await share(Number(values.workers));
const client = await import(`./${values.peer}.mjs`);
const began = performance.now();
const simulation = new Simulation({
  client,
  seed: Number(values.seed),
  parallel: Number(values.parallel),
  held: Number(values.held) * 1_000,
  without: values.without.split(","),
});
const isFound = () => values.first && simulation.tally.signedOut + simulation.tally.stuck > 0;
process.once("SIGTERM", report);
while (simulation.server.refreshes < Number(values.refreshes) && !isFound()) await simulation.round();
report();

function report() {
  const { tally, server, clock, network, reasons } = simulation;
  const list = (map) => [...map].map(([name, count]) => `${name} ${count}`).join(", ");
  const days = Math.round(clock.ticks / DAY);
  console.log(`${client.name}, seed ${values.seed}: ${server.refreshes} refreshes in ${tally.rounds} rounds and ${days} days of the clock, ${server.repeated} answered once more`);
  console.log(
    `${tally.calls} requests, ${values.parallel} at once, ${tally.refusals} times refused by the server; ${tally.kills} kills, ${tally.sleeps} sleeps, ` +
      `${tally.outages} outages, ${tally.slow} times a slow network, ${tally.clocks} clocks set`,
  );
  console.log(list(network.faults));
  console.log(`${tally.signedOut} signed out, ${tally.stuck} did not come back${reasons.size ? ` (${list(reasons)})` : ""}`);
  console.log(`${Math.round((performance.now() - began) / 1_000)} s`);
  process.exit(values.peer === "latchkey" && (tally.signedOut || tally.stuck) ? 1 : 0);
}

/** The same by so many programs at once; ends with what all of them came to. */
async function share(workers) {
  const { workers: _, refreshes, seed, ...same } = values;
  const options = Object.entries(same).flatMap(([name, value]) => (value === true ? [`--${name}`] : value === false ? [] : [`--${name}`, value]));
  const one = (nth) => {
    const own = ["--refreshes", String(Math.ceil(Number(refreshes) / workers)), "--seed", String(Number(seed) + nth)];
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...options, ...own], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (data) => (said += data));
    process.once("SIGTERM", () => child.kill());
    return new Promise((resolve) => child.once("close", () => resolve(said)));
  };
  const said = await Promise.all(Array.from({ length: workers }, (_, nth) => one(nth)));
  console.log(said.join("\n"));
  const sum = (pattern) => said.map((text) => Number(pattern.exec(text)?.[1])).reduce((one, other) => one + other);
  const [all, out, stuck] = [sum(/: (\d+) refreshes/), sum(/^(\d+) signed out/m), sum(/, (\d+) did not come back/)];
  console.log(`altogether ${all} refreshes: ${out} signed out, ${stuck} did not come back`);
  process.exit(out === 0 && stuck === 0 ? 0 : 1);
}
