// Runs a behaviour (behaviours.json, whose format is in README.md) with a client: `drive` makes one for a process.

import assert from "node:assert/strict";
import { Clock, includes, Server, Store } from "./world.mjs";

// So long a step may take, in seconds of the behaviour's clock, unless it says otherwise.
const LONGEST = 120;

/**
 * Runs a behaviour; fails where the client does, says or stores anything else. `drive(process)` answers a client as an
 * object with a function for each `do`; `process` is what a process has: `fetch`, `storage`, a clock, a platform.
 */
export async function run(behaviour, drive) {
  const clock = new Clock();
  const server = new Server(clock, () => START + clock.ticks + scene.slept);
  const store = new Store(clock);
  const scene = { clock, server, store, shift: 0, slept: 0, platform: "answers", processes: new Map(), keys: new Map(), drive };
  give(behaviour.given ?? {}, scene);
  for (const [index, step] of behaviour.steps.entries()) {
    const name = `step ${index + 1}, ${step.do}`;
    server.asked.length = 0;
    server.answers = structuredClone([...(step.answers ?? []), ...(behaviour.answers ?? [])]);
    const began = clock.ticks;
    const results = await take(step, scene);
    assert.deepEqual(server.unexpected.map(({ ask, token }) => `${ask} ${token ?? ""}`), [], `${name}: asked what nothing answers`);
    expect(step.expect ?? {}, results, began, scene, name);
  }
}

/** What is stored before anything happens: in the client's own format, as its own sign-in writes it. */
function give({ session, device }, { store, drive, clock, shift, slept }) {
  const now = START + clock.ticks + slept + shift;
  const stored = drive.stored({ session: session && { lifetime: 900, age: 60, ...session }, device, now });
  for (const [key, value] of Object.entries(stored)) store.kept.set(key, value);
}

// The device's clock when a behaviour begins.
const START = Date.UTC(2026, 0, 1);

function processOf(name, scene) {
  const found = scene.processes.get(name);
  if (found) return found;
  const { clock, server, store } = scene;
  const born = clock.ticks;
  const process = { isDead: false, told: [] };
  let draws = 0;
  process.client = scene.drive({
    fetch: server.for(process),
    storage: store.for(process),
    now: () => START + clock.ticks + scene.slept + scene.shift,
    ticks: () => clock.ticks - born,
    after: (milliseconds, what) => clock.after(milliseconds, () => process.isDead || what()),
    random: () => 0,
    uuid: () => `${name}-${born}-${(draws += 1)}`,
    platform: async () => {
      if (scene.platform !== "answers") throw Object.assign(new Error(scene.platform), { name: scene.platform });
      return { id: "p1" };
    },
    tell: (change) => process.told.push(change),
  });
  scene.processes.set(name, process);
  return process;
}

async function take(step, scene) {
  const { clock, store } = scene;
  const name = step.as ?? "A";
  switch (step.do) {
    case "wait":
      await clock.pass(step.seconds);
      return [];
    case "shift_clock":
      scene.shift += step.seconds * 1_000;
      return [];
    case "device_sleeps":
      scene.slept += step.seconds * 1_000;
      return [];
    case "store_fails":
      store.fails = step.at ?? null;
      return [];
    case "store_is_slow":
      store.slow = { at: step.at, milliseconds: (step.seconds ?? 0) * 1_000 };
      return [];
    case "another_stores":
      give(step, scene);
      return [];
    case "platform":
      scene.platform = step.answers_with;
      return [];
    case "kill": {
      const process = scene.processes.get(name);
      if (process) {
        process.isDead = true;
        scene.processes.delete(name);
        store.release(process);
      }
      return [];
    }
  }
  const { client } = processOf(name, scene);
  const results = Array.from({ length: step.times ?? 1 }, () => outcome(client[step.do](step.with ?? {})));
  if (step.leave) {
    await clock.pass(0);
    return [];
  }
  let isOver = false;
  const all = Promise.all(results).finally(() => (isOver = true));
  await clock.pass(step.within ?? LONGEST, () => isOver);
  assert.ok(isOver, `${step.do} took longer than ${step.within ?? LONGEST} s`);
  return all;
}

async function outcome(work) {
  try {
    return { value: (await work) ?? null };
  } catch (problem) {
    if (!("code" in problem) && !(problem instanceof TypeError)) throw problem;
    return { problem: problem.code ?? "refused", retry_after: problem.retryAfter ?? null, holds: problem.extras ?? {} };
  }
}

function expect(expected, results, began, scene, name) {
  const { server, store } = scene;
  for (const result of results) {
    if (expected.problem === undefined && expected.result !== "any") {
      assert.equal(result.problem, undefined, `${name}: came to ${result.problem}`);
    }
    if (expected.problem !== undefined) assert.equal(result.problem ?? "nothing", expected.problem, `${name}: the problem`);
    if (expected.retry_after !== undefined) assert.equal(result.retry_after, expected.retry_after, `${name}: retry_after`);
    if (expected.holds) assert.ok(includes(result.holds, expected.holds), `${name}: ${JSON.stringify(result.holds)}`);
    if (expected.value) assert.ok(includes(result.value, expected.value), `${name}: ${JSON.stringify(result.value)}`);
  }
  if (expected.asked) {
    const said = server.asked.map((request) => `${request.ask} ${request.token ?? ""} ${JSON.stringify(request.body)}`);
    assert.equal(server.asked.length, expected.asked.length, `${name}: asked ${said.join("; ") || "nothing"}`);
    expected.asked.forEach((wanted, index) => asked(server.asked[index], wanted, began, scene, `${name}: request ${index + 1}`));
  }
  if (expected.pauses === "grow") {
    const pauses = server.asked.slice(1).map(({ at }, index) => at - server.asked[index].at);
    assert.ok(pauses.length > 1 && pauses.every((pause, index) => index === 0 || pause >= pauses[index - 1]), `${name}: ${pauses}`);
    assert.ok(pauses.at(-1) > pauses[0], `${name}: pauses ${pauses}`);
  }
  if (expected.most_asked !== undefined) assert.ok(server.asked.length <= expected.most_asked, `${name}: asked ${server.asked.length}`);
  if ("stored" in expected) {
    const { session, device } = scene.drive.read(store.kept);
    if ("session" in expected.stored) assert.equal(session, expected.stored.session, `${name}: the refresh token in the store`);
    if ("device" in expected.stored) assert.equal(device, expected.stored.device, `${name}: the device token in the store`);
  }
  if (expected.told) {
    const told = [...scene.processes.values()].flatMap((process) => process.told.splice(0));
    assert.deepEqual(told, expected.told, `${name}: what was told`);
  }
}

function asked(request, wanted, began, { keys }, name) {
  const { ask, token, body, key, lacks = [], not_before = 0, not_after = Infinity } = wanted;
  assert.equal(request.ask, ask, name);
  if (token !== undefined) assert.equal(request.token, token, `${name}: the token`);
  assert.ok(includes(request.body, body), `${name}: ${JSON.stringify(request.body)}`);
  for (const field of lacks) assert.equal(request.body?.[field], undefined, `${name}: ${field}`);
  const at = (request.at - began) / 1_000;
  assert.ok(at >= not_before && at <= not_after, `${name}: after ${at} s`);
  if (key === undefined) return;
  assert.ok(request.key, `${name}: has no key`);
  if (!keys.has(key)) assert.ok(![...keys.values()].includes(request.key), `${name}: a key that was used before`);
  keys.set(key, keys.get(key) ?? request.key);
  assert.equal(request.key, keys.get(key), `${name}: the key`);
}
