// The client against a real gateway, in Node.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { createClient, memoryStorage, Problem, solve } from "@latchkey/client";
import { SignIn } from "@latchkey/client/sign-in";
import { ADMIN, GUARD, phone, start } from "../../../browser/gateway.mjs";

let gateway;
before(async () => {
  gateway = await start({ ACCESS_TTL: "60" });
});
after(() => gateway.stop());

const ours = (more = {}) => createClient({ url: gateway.url, storage: memoryStorage(), device: "Test", ...more });

const other = (code) => (code === "1111" ? "2222" : "1111");

async function signedIn(number, more) {
  const client = ours(more);
  const { code } = await client.auth.requestCode({ phone: phone(number) });
  await client.auth.enterCode(code);
  return client;
}

test("a sign-in, and all that is one's own", async () => {
  const storage = memoryStorage();
  const client = ours({ storage });
  const changes = [];
  client.auth.onChange((change) => changes.push(change.signedIn));
  const texted = await client.auth.requestCode({ phone: "8 901 000-00-01", region: "RU" });
  assert.equal(texted.phone, phone(1));
  assert.ok(texted.expires.get() > 290);
  const { is_new, user, ...more } = await client.auth.enterCode(texted.code);
  assert.equal(is_new, true);
  assert.deepEqual(Object.keys(more).filter((key) => /token/.test(key)), [], "tokens stay inside");
  assert.equal((await client.me.get()).phone, user.phone);
  assert.equal((await client.me.update({ city: "Omsk" })).city, "Omsk");
  const pixel = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  );
  assert.match((await client.me.setAvatar(new Uint8Array(pixel), "image/png")).avatar_url, /avatars/);
  assert.equal((await client.me.removeAvatar()).avatar_url, null);
  const friend = await signedIn(2);
  const { invite_code } = await friend.me.get();
  assert.equal((await client.me.setReferrer(invite_code)).referrer.id, (await friend.me.get()).id);
  assert.equal((await friend.me.referrals({ limit: 1 })).items.length, 1);
  assert.deepEqual((await client.me.sessions()).items.map(({ device }) => device), ["Test"]);
  assert.deepEqual((await client.me.passkeys()).items, []);
  const move = await client.auth.requestCode({ phone: phone(3), purpose: "change_phone" });
  assert.equal((await client.me.changePhone({ phone: phone(3), code: move.code, challenge_id: move.challenge_id })).phone, phone(3));
  await client.auth.signOut();
  assert.equal(await client.auth.isSignedIn(), false);
  assert.match(JSON.parse(await storage.get("latchkey.device")).token, /^lkd\./, "the device stays known");
  assert.deepEqual(changes, [true, false]);
  await assert.rejects(client.me.get(), { code: "not_signed_in" });
});

test("a move to another number that an admin began is seen, and stopped by who may", async () => {
  const [admin, owner] = [ours(), await signedIn(20)];
  const { code } = await admin.auth.requestCode({ phone: ADMIN });
  await admin.auth.enterCode(code);
  assert.equal(await owner.me.recovery(), null);
  const { id } = await owner.me.get();
  const recovery = (method, body) => {
    const headers = { "content-type": "application/json" };
    return admin.fetch(`${gateway.url}/v1/users/${id}/recovery`, { method, headers, body: body && JSON.stringify(body) });
  };
  assert.equal((await recovery("PUT", { phone: phone(21) })).status, 200);
  assert.equal((await owner.me.recovery()).phone, phone(21));
  await assert.rejects(owner.me.stopRecovery(), { code: "forbidden" }, "it may be whoever had it begun");
  const heir = ours();
  const texted = await heir.auth.requestCode({ phone: phone(21) });
  await assert.rejects(heir.auth.enterCode(texted.code), ({ code, extras }) => code === "phone_reserved" && Boolean(extras.reserved_until));
  assert.equal((await recovery("DELETE")).status, 204);
  assert.equal(await owner.me.recovery(), null);
  await owner.me.stopRecovery();
});

test("what is stored of somebody is exported whole, page after page", async () => {
  const client = await signedIn(70);
  const { invite_code, id } = await client.me.get();
  // More than a page.
  const friends = Array.from({ length: 103 }, (_, next) => phone(1_000 + next));
  for (const friend of friends) {
    const { code } = await gateway.ask("POST", "/v1/auth/code", { body: { phone: friend } });
    await gateway.ask("POST", "/v1/auth/token", { body: { phone: friend, code, invite_code } });
  }
  const { access_token: token } = await gateway.signIn(ADMIN);
  const limits = Array.from({ length: 102 }, (_, next) => 1_000 + next);
  for (const max_uses of limits) await gateway.ask("PATCH", `/v1/users/${id}/invite`, { token, body: { max_uses } });
  const { account, referrals, acts, ...more } = await client.me.export();
  assert.equal(account.id, id);
  assert.deepEqual(referrals.map(({ phone }) => phone).sort(), friends);
  assert.deepEqual(acts.map(({ action, by }) => `${action} by ${by}`), limits.map(() => "changed_invite by admin"));
  assert.deepEqual(more, {});
});

test("a problem says its code and what else it holds", async () => {
  const client = ours();
  const { code } = await client.auth.requestCode({ phone: phone(10) });
  const problem = await client.auth.enterCode(other(code)).catch((problem) => problem);
  assert.ok(problem instanceof Problem);
  assert.deepEqual([problem.code, problem.status, problem.extras.attempts_left], ["invalid_code", 422, 4]);
});

test("fifty at once refresh once, and the session goes on", async () => {
  const asked = [];
  const storage = memoryStorage();
  const world = { fetch: (url, init) => (asked.push(new URL(url).pathname), fetch(url, init)) };
  const client = await signedIn(20, { storage, world });
  const session = JSON.parse(await storage.get("latchkey.session"));
  await storage.set("latchkey.session", JSON.stringify({ ...session, access: "refused", at: session.at - 60_000 }));
  const anew = ours({ storage, world });
  const all = await Promise.all(Array.from({ length: 50 }, () => anew.me.get()));
  assert.ok(all.every((me) => me.phone === phone(20)));
  assert.equal(asked.filter((path) => path === "/v1/auth/refresh").length, 1);
});

test("who was signed out elsewhere is told so", async () => {
  const client = await signedIn(30);
  const second = await signedIn(30);
  const told = [];
  client.auth.onChange(({ signedIn, problem }) => told.push([signedIn, problem.code]));
  await second.auth.signOut("others");
  await assert.rejects(client.me.get(), { code: "session_ended" });
  assert.deepEqual(told, [[false, "session_ended"]]);
  assert.equal((await second.me.get()).phone, phone(30));
});

test("the token goes to listed backends alone, never across a redirect, and is refreshed for them", async (t) => {
  const seen = [];
  const backend = createServer((request, response) => {
    seen.push([request.url, request.headers.authorization]);
    if (request.url === "/away") response.writeHead(302, { location: "/elsewhere" }).end();
    else if (request.url === "/once" && seen.length === 1) response.writeHead(401).end();
    else response.end("{}");
  });
  await new Promise((resolve) => backend.listen(0, "127.0.0.1", resolve));
  t.after(() => backend.close());
  const at = `http://127.0.0.1:${backend.address().port}`;
  let later = 0;
  const client = await signedIn(40, { backends: [at], world: { ticks: () => performance.now() + later } });
  assert.equal((await client.fetch(`${at}/once`)).status, 401, "a token that just came is not traded for another");
  assert.equal(seen.length, 1);
  seen.length = 0;
  later = 31_000;
  assert.equal((await client.fetch(`${at}/once`)).status, 200);
  assert.equal(seen.length, 2);
  assert.notEqual(seen[0][1], seen[1][1]);
  seen.length = 0;
  await assert.rejects(client.fetch(`${at}/away`), TypeError);
  assert.deepEqual(seen.map(([path]) => path), ["/away"]);
  seen.length = 0;
  await client.fetch(`${at.replace("127.0.0.1", "localhost")}/other`).catch(() => {});
  assert.ok(seen.every(([, authorization]) => authorization === undefined), "an origin that is not listed");
  assert.throws(() => ours({ backends: ["http://api.example.com"] }), TypeError);
  assert.throws(() => ours({ backends: ["https://user@api.example.com"] }), TypeError);
});

test("a proof of work is made where one is asked for, with and without WebCrypto", async (t) => {
  const guarded = await start(GUARD);
  t.after(() => guarded.stop());
  await guarded.flood("+7902000");
  const client = createClient({ url: guarded.url, storage: memoryStorage() });
  let begun = 0;
  const texted = await client.auth.requestCode({ phone: "+79020009001", onProof: () => (begun += 1) });
  assert.ok(begun >= 1);
  await client.auth.enterCode(texted.code);
  const { solveByHand } = await import("../dist/pbkdf2.js");
  const byHand = createClient({ url: guarded.url, storage: memoryStorage(), solve: solveByHand });
  await byHand.auth.requestCode({ phone: "+79020009002", onProof: () => (begun += 1) });
  assert.ok(begun >= 2);
});

test("a proof by hand is that of WebCrypto", async () => {
  const { solveByHand } = await import("../dist/pbkdf2.js");
  const parameters = { nonce: "00ff10", salt: "abcdef0123", cost: 3, keyLength: 48, keyPrefix: "0" };
  const challenge = { parameters, signature: "s" };
  const read = (proof) => JSON.parse(atob(proof)).solution;
  assert.deepEqual(read(await solveByHand(challenge)), read(await solve(challenge)));
});

test("the steps of a sign-in are states, and so are its problems", async () => {
  const client = ours();
  const signIn = new SignIn(client);
  const steps = [];
  signIn.subscribe(({ step, busy }) => steps.push(busy ? `${step}…` : step));
  await signIn.requestCode("12");
  assert.equal(signIn.get().trouble.problem.code, "invalid_phone");
  await signIn.requestCode(phone(50));
  const { code } = signIn.get().texted;
  await signIn.enterCode(other(code));
  assert.equal(signIn.get().attemptsLeft, 4);
  assert.equal(signIn.get().trouble.problem.code, "invalid_code");
  await signIn.enterCode(code);
  assert.equal(signIn.get().step, "done");
  assert.deepEqual(steps, ["phone…", "phone", "phone…", "code", "code…", "code", "code…", "done"]);
  assert.equal(await client.auth.isSignedIn(), true);
});

test("who signs in anew leaves no session behind", async () => {
  const client = await signedIn(60);
  const { code } = await client.auth.requestCode({ phone: phone(60) });
  await client.auth.enterCode(code);
  let sessions;
  for (let trial = 0; trial < 100; trial += 1) {
    sessions = (await client.me.sessions()).items;
    if (sessions.length === 1) break;
  }
  assert.equal(sessions.length, 1);
  assert.ok(sessions[0].current);
});
