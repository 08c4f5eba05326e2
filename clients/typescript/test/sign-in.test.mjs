// Steps of signing in that wait for time, and for the passkeys of a phone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createClient, memoryStorage } from "@latchkey/client";
import { nativePasskeys } from "@latchkey/client/native-passkeys";
import { SignIn } from "@latchkey/client/sign-in";
import { phone, start } from "../../../browser/gateway.mjs";

let gateway;
before(async () => {
  gateway = await start({ RESEND_COOLDOWN: "60" });
});
after(() => gateway?.stop());

/** A client whose time a test lets pass. */
function timed(more = {}) {
  let ticks = 0;
  const due = [];
  const world = {
    ticks: () => ticks,
    after(milliseconds, what) {
      const one = { at: ticks + milliseconds, what };
      due.push(one);
      return () => due.splice(due.indexOf(one), due.includes(one) ? 1 : 0);
    },
  };
  const pass = (seconds) => {
    const until = ticks + seconds * 1_000;
    for (;;) {
      due.sort((one, other) => one.at - other.at);
      if (!due[0] || due[0].at > until) break;
      const { at, what } = due.shift();
      ticks = at;
      what();
    }
    ticks = until;
  };
  const texts = [];
  const asking = { ...world, fetch: (url, init) => (/code$/.test(url) && texts.push(init.body), fetch(url, init)) };
  return { client: createClient({ url: gateway.url, storage: memoryStorage(), world: asking, ...more }), pass, texts, due };
}

test("what is counted down is told each second, while somebody listens", async () => {
  const { client, pass, due } = timed();
  const { resend, expires } = await client.auth.requestCode({ phone: phone(1) });
  assert.deepEqual([resend.get(), expires.get()], [60, 300]);
  const told = [];
  const end = resend.subscribe((left) => told.push(left));
  pass(3);
  assert.deepEqual(told, [59, 58, 57]);
  pass(0.5);
  assert.equal(resend.get(), 57, "whole seconds, of which the last one counts");
  pass(100);
  assert.deepEqual([told.length, told.at(-1), resend.get(), expires.get()], [60, 0, 0, 197]);
  end();
  const again = expires.subscribe(() => assert.fail("nobody listens any more"));
  again();
  pass(10);
  assert.equal(due.length, 0, "no timers are left");
});

test("who comes back to the number that was just texted goes on with its code; another number takes another text", async () => {
  const { client, pass, texts } = timed();
  const signIn = new SignIn(client, { region: "RU" });
  await signIn.requestCode("8 901 000-00-02");
  const { texted } = signIn.get();
  for (const same of ["8 901 000-00-02", phone(2)]) {
    signIn.back();
    assert.equal(signIn.get().step, "phone");
    await signIn.requestCode(same);
    assert.deepEqual([signIn.get().step, signIn.get().texted.challenge_id, texts.length], ["code", texted.challenge_id, 1]);
  }
  await signIn.resend();
  assert.equal(texts.length, 1, "not before its time");
  signIn.back();
  await signIn.requestCode(phone(3));
  assert.deepEqual([signIn.get().texted.phone, texts.length], [phone(3), 2]);
  signIn.back();
  pass(61);
  await signIn.requestCode(phone(3));
  assert.equal(texts.length, 3, "its time is over: this is asked anew");
  // The server's minute is not over.
  const { trouble } = signIn.get();
  assert.equal(trouble.problem.code, "resend_too_soon");
  assert.equal(trouble.wait.get(), trouble.problem.retryAfter);
  const told = [];
  trouble.wait.subscribe((left) => told.push(left));
  pass(trouble.problem.retryAfter);
  assert.equal(told.at(-1), 0);
});

/** \`react-native-passkey\`: fails with objects that are no errors. */
const phonePasskeys = (fails) => ({
  isSupported: () => true,
  create: async () => Promise.reject(fails),
  get: async () => Promise.reject(fails),
});

test("what a phone calls it when there is no passkey", async () => {
  for (const [error, code] of [
    ["UserCancelled", "passkey_cancelled"],
    ["NoCredentials", "passkey_cancelled"],
    ["BadConfiguration", "passkey_failed"],
    ["Native error", "passkey_failed"],
  ]) {
    const { client } = timed({ passkeys: nativePasskeys(phonePasskeys({ error, message: "…" })) });
    await assert.rejects(client.auth.signInWithPasskey(), { code }, error);
    const signIn = new SignIn(client);
    await signIn.signInWithPasskey();
    assert.deepEqual([signIn.get().step, signIn.get().trouble?.problem.code], ["phone", code === "passkey_failed" ? code : undefined]);
  }
});

test("a phone that has a passkey of the account already is done with the offer", async () => {
  const { client } = timed({ passkeys: nativePasskeys(phonePasskeys({ error: "CredentialAlreadyExists", message: "…" })) });
  const signIn = new SignIn(client, { passkeyName: "Phone" });
  await signIn.requestCode(phone(4));
  await signIn.enterCode(signIn.get().texted.code);
  assert.equal(signIn.get().step, "passkey-offer");
  await signIn.addPasskey();
  assert.equal(signIn.get().step, "done");
});

test("what a phone leaves out of a passkey is filled in, and a dialogue that was left comes to nothing", async () => {
  const passkeys = nativePasskeys({ isSupported: () => true, create: async () => ({ id: "p" }), get: async () => ({ id: "p", response: 1 }) });
  assert.deepEqual(await passkeys.create({}), { rawId: "p", type: "public-key", id: "p" });
  assert.deepEqual(await passkeys.get({}), { rawId: "p", type: "public-key", id: "p", response: 1 });
  await assert.rejects(passkeys.get({}, AbortSignal.abort()), { name: "AbortError" });
});
