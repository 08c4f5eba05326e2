// The proxy does what its faults are called, on a true connection; and no process that is killed behind it is signed out.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { kill } from "./kills/kill.mjs";
import { start } from "./proxy.mjs";

const WHOLE = JSON.stringify({ access_token: "a", refresh_token: "r" });
let server;
let asked = [];
before(async () => {
  server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    asked.push({ method: request.method, url: request.url, body, authorization: request.headers.authorization });
    response.writeHead(200, { "content-type": "application/json" }).end(WHOLE);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
});
after(() => server.close());

/** What comes of one request through one fault: the answer, or what failed; how often the server was asked. */
async function through(fault, { path = "/v1/auth/refresh", times = 0, ...more } = {}) {
  asked = [];
  const to = `http://127.0.0.1:${server.address().port}`;
  const proxy = await start({ to, badness: 1, longest: 0.5, faults: [fault], ...more });
  const patience = fault === "silent" ? 2_000 : 60_000;
  try {
    const answer = await fetch(proxy.url + path, {
      method: "POST", body: '{"refresh_token":"r0"}', headers: { authorization: "Bearer a0" },
      redirect: "manual", signal: AbortSignal.timeout(patience),
    }).then(async (got) => ({ status: got.status, text: await got.text() }), ({ name }) => ({ failed: name }))
      .catch(({ name }) => ({ failed: name }));
    // What comes after the answer; and then, what should not.
    for (let trial = 0; asked.length < times && trial < 1_000; trial += 1) await new Promise((resolve) => setTimeout(resolve, 10));
    if (fault === "doubled" || fault === "held_up") await new Promise((resolve) => setTimeout(resolve, 700));
    return { ...answer, asked: asked.length, tally: proxy.tally[fault] };
  } finally {
    await proxy.stop();
  }
}

test("what is not disturbed passes as it is", async () => {
  const passed = await through("cut", { path: "/v1/users/me" });
  assert.deepEqual([passed.status, passed.text, passed.asked, passed.tally], [200, WHOLE, 1, 0]);
  assert.deepEqual(asked, [{ method: "POST", url: "/v1/users/me", body: '{"refresh_token":"r0"}', authorization: "Bearer a0" }]);
  assert.equal((await through("cut", { badness: 0 })).text, WHOLE);
});

for (const [fault, isAnswered, times] of [
  ["request_lost", false, 0], ["answer_lost", false, 1], ["silent", false, 1], ["cut", false, 1],
  ["held_up", true, 1], ["late", true, 1], ["doubled", true, 2],
]) {
  test(`${fault}: ${isAnswered ? "the answer" : "no answer"} comes, and the server is asked ${times} times`, async () => {
    for (const seed of [1, 2, 3]) {
      const got = await through(fault, { seed, times });
      assert.equal(got.text, isAnswered ? WHOLE : undefined);
      assert.equal(got.asked, times);
      assert.equal(got.tally, 1);
      if (fault === "silent") assert.equal(got.failed, "TimeoutError");
    }
  });
}

test("garbled, portal and 5xx: what comes is no answer of the server", async () => {
  const seen = { garbled: new Set(), portal: new Set(), "5xx": new Set() };
  for (const [fault, statuses] of Object.entries(seen)) {
    for (let seed = 0; seed < 12; seed += 1) {
      const { status, text } = await through(fault, { seed });
      assert.notEqual(text, WHOLE);
      statuses.add(status);
    }
  }
  assert.deepEqual([...seen.garbled], [200]);
  assert.ok(seen.portal.has(401) && seen.portal.has(302));
  assert.ok([...seen["5xx"]].every((status) => status >= 429) && seen["5xx"].has(503));
});

test("a seed draws the same again, and another draws others", async () => {
  const drawn = async (seed) => {
    const to = `http://127.0.0.1:${server.address().port}`;
    const told = [];
    const proxy = await start({ to, seed, faults: ["request_lost", "garbled", "portal", "5xx"], told: (name) => told.push(name) });
    for (let turn = 0; turn < 20; turn += 1) {
      await fetch(`${proxy.url}/v1/auth/refresh`, { method: "POST", body: "{}", redirect: "manual" }).catch(() => {});
    }
    await proxy.stop();
    return told.join(" ");
  };
  assert.equal(await drawn(7), await drawn(7));
  assert.notEqual(await drawn(7), await drawn(8));
});

test("as a command it prints its address, and each fault", async () => {
  const to = `http://127.0.0.1:${server.address().port}`;
  const command = [fileURLToPath(new URL("proxy.mjs", import.meta.url)), "--to", to, "--badness", "1", "--path", "/", "--faults", "portal"];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value: address } = await lines.next();
  assert.match(address, /^http:\/\/127\.0\.0\.1:\d+$/);
  const answer = await fetch(`${address}/v1/users/me`, { redirect: "manual" });
  assert.match(await answer.text(), /airport/);
  assert.equal((await lines.next()).value, "portal /v1/users/me");
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
});

test("twenty kills of real processes sign nobody out", async () => {
  // Which kills and faults there are is drawn, and how fast each process is decides for whom: on until it was enough of each.
  const sum = (counts) => Object.values(counts).reduce((sum, count) => sum + count);
  const isEnough = ({ kills, moments, faults }) => kills >= 20 && moments.received >= 3 && sum(faults) >= 5;
  const told = await kill({ kills: 200, devices: 8, atOnce: 4, longest: 3, isEnough });
  assert.deepEqual(told.signedOut, []);
  assert.ok(isEnough(told), JSON.stringify(told));
});
