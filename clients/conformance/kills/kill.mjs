// Kills of real processes, between receiving and storing and at any other moment, behind a network that fails:
//
//   node clients/conformance/kills/kill.mjs [--kills 1000] [--seed 1] [--devices 60] [--badness 0.4] [--at-once 6]
//
// A gateway (target/debug/latchkey, or LATCHKEY), the proxy in front of it, and devices with a store in files on which somebody
// is signed in. On each device, again and again: an hour later by its clock the access token is over, a process starts, refreshes,
// and is killed (SIGKILL); the next one has to go on. In that hour all comes that the network has held back. At the end the
// network is well, and everybody has to be signed in. SIGTERM brings the end about. Ends with status 1 where somebody is not.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { phone, start as startGateway } from "../../../browser/gateway.mjs";
import { start as startProxy } from "../proxy.mjs";
import { chance } from "../simulation/clock.mjs";

const CLIENT = process.env.LATCHKEY_CLIENT
  ? pathToFileURL(process.env.LATCHKEY_CLIENT)
  : new URL("../../typescript/dist/index.js", import.meta.url);
const PROCESS = fileURLToPath(new URL("process.mjs", import.meta.url));
const MOMENTS = ["received", "received", "stored", "asking", "sent", null];
// In milliseconds: an access token is over then.
const LATER = 3_600_000;
const LONGEST_LIFE = 60_000;

/** Kills so many processes, or fewer once it `isEnough`, by what came of it so far; answers that: `signedOut` holds why, by device. */
export async function kill({ kills, seed = 1, devices: count = 60, badness = 0.4, atOnce = 6, longest = 10, isEnough = () => false }) {
  const folder = await mkdtemp(join(tmpdir(), "latchkey-kills-"));
  const gateway = await startGateway();
  const proxy = await startProxy({ to: gateway.url, seed, badness, longest });
  const random = chance(seed);
  const told = { kills: 0, moments: {}, processes: 0, well: 0, trouble: {}, signedOut: [], faults: proxy.tally };
  try {
    const devices = [];
    for (let number = 0; number < count; number += 1) devices.push(await signIn(gateway, join(folder, `${number}`), number));
    const live = async (device, url, stop) => {
      told.processes += 1;
      const end = await run({ url, folder: device.folder, clock: device.clock, stop }, random);
      if (end.killed) {
        told.kills += 1;
        told.moments[end.killed] = (told.moments[end.killed] ?? 0) + 1;
      }
      if (end.signedOut) told.signedOut.push(`device ${device.number}: ${end.signedOut}`);
      if (end.isWell) told.well += 1;
      if (end.trouble) told.trouble[end.trouble] = (told.trouble[end.trouble] ?? 0) + 1;
      return end;
    };
    // Each device is in one hand at a time, and rests until all has come to the server that was sent.
    const later = async (device) => {
      await sleep(Math.max(0, device.rested - Date.now()));
      device.clock += LATER;
    };
    const queue = [...devices];
    const worker = async () => {
      while (told.kills < kills && told.signedOut.length === 0 && !isEnough(told)) {
        const device = queue.shift();
        await later(device);
        const stop = MOMENTS[Math.floor(random() * MOMENTS.length)];
        // Two at once now and then, as an app and its widget; and several kills in a row.
        if (random() < 0.2) await Promise.all([live(device, proxy.url, stop), live(device, proxy.url, undefined)]);
        else await live(device, proxy.url, stop);
        if (random() < 0.4) await live(device, proxy.url, undefined);
        device.rested = Date.now() + longest * 1_000;
        queue.push(device);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    const last = async () => {
      for (let device = devices.pop(); device; device = devices.pop()) {
        await later(device);
        let isWell = false;
        // A machine that is busy may not be through with it in time.
        for (let tried = 0; !isWell && tried < 3; tried += 1) ({ isWell = false } = await live(device, gateway.url, undefined));
        if (!isWell && told.signedOut.length === 0) told.signedOut.push(`device ${device.number}: does not come back`);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, last));
    return told;
  } finally {
    await proxy.stop();
    await gateway.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function signIn(gateway, folder, number) {
  const { createClient } = await import(CLIENT);
  const { fileStorage } = await import(new URL("storage/node.js", CLIENT));
  const client = createClient({ url: gateway.url, storage: fileStorage(folder) });
  const { code } = await client.auth.requestCode({ phone: phone(1_000 + number) });
  await client.auth.enterCode(code);
  return { folder, number, clock: 0, rested: 0 };
}

/**
 * The life of a process: `stop` is the moment at which it is killed; null one by chance, undefined none. A process that has not
 * come there when it is done was not killed.
 */
async function run({ stop, ...about }, random) {
  const child = spawn(process.execPath, [PROCESS, JSON.stringify({ ...about, stop })], { stdio: ["ignore", "pipe", "inherit"] });
  const end = {};
  let heard = "";
  const timers = [setTimeout(() => child.kill("SIGKILL"), LONGEST_LIFE)];
  child.stdout.on("data", (data) => {
    const lines = (heard + data).split("\n");
    heard = lines.pop();
    for (const line of lines) {
      const [, moment] = /^at (.*)/.exec(line) ?? [];
      if (moment) {
        end.killed = moment;
        child.kill("SIGKILL");
      }
      // Counted from there, as starting takes most of its life.
      if (line === "begun" && stop === null) timers.push(setTimeout(() => (end.killed = child.kill("SIGKILL") && "any"), random() * 150));
      if (line === "well") end.isWell = true;
      if (line.startsWith("signed out")) end.signedOut = line;
      if (line.startsWith("trouble")) end.trouble = line.slice("trouble ".length);
    }
  });
  const signal = await new Promise((resolve) => child.once("close", (_, signal) => resolve(signal)));
  timers.forEach(clearTimeout);
  if (signal === null) delete end.killed;
  return end;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: {
      kills: { type: "string", default: "1000" },
      seed: { type: "string", default: "1" },
      devices: { type: "string", default: "60" },
      badness: { type: "string", default: "0.4" },
      "at-once": { type: "string", default: "6" },
    },
  });
  const [kills, seed, devices, badness, atOnce] = ["kills", "seed", "devices", "badness", "at-once"].map((name) => Number(values[name]));
  const began = performance.now();
  let isOver = false;
  process.once("SIGTERM", () => (isOver = true));
  const told = await kill({ kills, seed, devices, badness, atOnce, isEnough: () => isOver });
  const list = (counts) => Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(", ") || "none";
  console.log(`seed ${seed}: ${told.kills} kills (${list(told.moments)}) of ${told.processes} processes on ${devices} devices`);
  console.log(`faults: ${list(told.faults)}; ${told.well} processes were well, trouble of others: ${list(told.trouble)}`);
  console.log(told.signedOut.length ? `SIGNED OUT: ${told.signedOut.join("; ")}` : "nobody was signed out");
  console.log(`${Math.round((performance.now() - began) / 1_000)} s`);
  process.exit(told.signedOut.length ? 1 : 0);
}
