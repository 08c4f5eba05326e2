// Many refreshes, each met by fifty requests at once, with answers lost for up to half an hour and processes killed at any
// moment: how many people are signed out who did not want it.
//
//   node simulation/simulate.mjs [--refreshes 20000] [--seed 1] [--seconds 0] [--parallel 50] [--client latchkey]

import { parseArgs } from "node:util";
import { latchkey } from "./latchkey.mjs";
import { network, plan } from "./faults.mjs";
import { chance, Clock, Device } from "./world.mjs";

const { values } = parseArgs({
  options: {
    client: { type: "string", default: "latchkey" },
    refreshes: { type: "string", default: "20000" },
    seconds: { type: "string", default: "0" },
    seed: { type: "string", default: "1" },
    parallel: { type: "string", default: "50" },
  },
});
// Problems are many here, and nobody reads where they come from.
Error.stackTraceLimit = 0;
const [wanted, seconds, parallel] = [values.refreshes, values.seconds, values.parallel].map(Number);
const began = performance.now();
const elapsed = () => (performance.now() - began) / 1_000;
const dice = chance(Number(values.seed));
const clock = new Clock();
const device = new Device(clock, dice);
const make = values.client === "latchkey" ? latchkey : (await import("./auth-js.mjs")).authJs;
const server = make({ clock });
const tally = { rounds: 0, kills: 0, lost: 0, pages: 0, halves: 0, signedOut: 0, stuck: 0 };
const START = Date.UTC(2026, 0, 1);
let faults = { outage: 0, lost: 0, pages: 0, halves: 0, doubled: false, slow: 0, kill: null, clock: null };
let shift = 0;

server.signIn(device.kept, START);
let main = start();
while (server.rotations() < wanted && !(seconds && elapsed() > seconds)) await round();
report();

function start() {
  const process = { isDead: false, killAt: null };
  process.reaches = (moment) => {
    if (process.killAt !== moment || process.isDead) return;
    tally.kills += 1;
    device.kill(process);
  };
  const born = clock.now;
  process.client = server.client({
    fetch: network({ process, clock, dice, faults: () => faults, server, tally }),
    storage: device.storageOf(process),
    lock: (work) => device.lock(process, work),
    now: () => START + clock.now + shift,
    ticks: () => clock.now - born,
    after: (milliseconds, what) => clock.after(milliseconds, () => process.isDead || what()),
    random: dice.random,
  });
  return process;
}

/** Access tokens are refused; fifty requests find out; a refresh follows, through what goes wrong. */
async function round() {
  tally.rounds += 1;
  faults = plan(dice, clock);
  if (faults.clock !== null) shift = faults.clock;
  server.refuseAccess();
  const processes = [main, ...Array.from({ length: faults.others }, start)];
  main.killAt = faults.kill;
  const waits = processes.map((process) => many(process, Math.ceil(parallel / processes.length)));
  await clock.run(() => processes.every((process, index) => process.isDead || waits[index].isOver), 120_000);
  for (const other of processes.slice(1)) device.kill(other);
  main.killAt = null;
  if (main.isDead) {
    // Opened again at once, or later.
    await pass(dice.is(0.5) ? 0 : dice.wide(100, 600_000));
    main = start();
  }
  if (!(await comesBack())) {
    if (server.isSignedIn(device.kept)) tally.stuck += 1;
    else tally.signedOut += 1;
    device.kill(main);
    device.kept.clear();
    server.signIn(device.kept, START + clock.now + shift);
    main = start();
  }
  await pass(dice.is(0.5) ? 0 : dice.wide(1_000, 3_600_000));
}

function many(process, count) {
  const wait = { isOver: false };
  const all = Array.from({ length: count }, () => process.client.ask().catch(() => {}));
  void Promise.all(all).then(() => (wait.isOver = true));
  return wait;
}

/** The person uses the app, each minute, until it answers: whether it does, once the network is back. */
async function comesBack() {
  const most = Math.max(faults.outage - clock.now, 0) + 900_000;
  const end = clock.now + most;
  while (clock.now < end) {
    let isOver = false;
    let isWell = false;
    const asked = main.client.ask().then(() => (isWell = true), () => {});
    void asked.finally(() => (isOver = true));
    await clock.run(() => isOver, 180_000);
    if (isWell) return true;
    if (!server.isSignedIn(device.kept)) return false;
    await pass(60_000);
  }
  return false;
}

async function pass(milliseconds) {
  await clock.run(() => false, milliseconds);
}

function report() {
  const { rounds, kills, lost, pages, halves, signedOut, stuck } = tally;
  const days = Math.round(clock.now / 86_400_000);
  console.log(
    `${values.client}, seed ${values.seed}: ${server.rotations()} refreshes in ${rounds} rounds of ${parallel} requests at once, ` +
      `${kills} kills, ${lost} lost answers, ${pages} foreign pages, ${halves} halves; ${days} days of the clock, ` +
      `${elapsed().toFixed(0)} s\n${signedOut} signed out, ${stuck} stuck; the server's verdicts: ${JSON.stringify(server.verdicts)}`,
  );
  process.exitCode = values.client === "latchkey" && (signedOut || stuck) ? 1 : 0;
}
