// A process of an app: it asks who is signed in by the file store in its folder, once, and says how that went. Where it is to stop
// at a moment it says so and does nothing more, so that it is killed exactly there.
//
//   node process.mjs '{"url": …, "folder": …, "clock": <milliseconds by which the device's clock is set>, "stop": "received"}'

import { writeSync } from "node:fs";
import { pathToFileURL } from "node:url";

const CLIENT = process.env.LATCHKEY_CLIENT
  ? pathToFileURL(process.env.LATCHKEY_CLIENT)
  : new URL("../../typescript/dist/index.js", import.meta.url);
const { createClient } = await import(CLIENT);
const { fileStorage } = await import(new URL("storage/node.js", CLIENT));

const { url, folder, clock, stop } = JSON.parse(process.argv[2]);
const say = (text) => writeSync(1, `${text}\n`);

function reach(moment) {
  if (moment !== stop) return;
  say(`at ${moment}`);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

const files = fileStorage(folder);
const storage = {
  ...files,
  set: async (key, value) => {
    if (key === "latchkey.session") reach("received");
    await files.set(key, value);
    if (key === "latchkey.session") reach("stored");
  },
};
const now = () => Date.now() + clock;
// What is over by the device's clock is by the server's, too, though it is no such time there.
const { access, at, lifetime } = JSON.parse((await files.get("latchkey.session")) ?? "{}");
const old = now() > at + lifetime * 1_000 ? access : undefined;
const over = () =>
  new Response(JSON.stringify({ code: "invalid_token", status: 401 }), {
    status: 401,
    headers: { "content-type": "application/problem+json", date: new Date(now()).toUTCString() },
  });
const world = {
  now,
  fetch: async (address, init) => {
    if (init.headers.authorization === `Bearer ${old}`) return over();
    if (!address.endsWith("/v1/auth/refresh")) return fetch(address, init);
    reach("asking");
    const asked = fetch(address, init);
    // On its way: what is written has left this process a moment later.
    if (stop === "sent") setTimeout(() => reach("sent"), 20);
    return asked;
  },
};
const client = createClient({ url, storage, world });
client.auth.onChange(({ signedIn, problem }) => signedIn || say(`signed out ${problem?.code ?? ""}`));
say("begun");
try {
  await client.me.get();
  say("well");
} catch ({ code, message }) {
  say(code === "not_signed_in" ? "signed out not_signed_in" : `trouble ${code ?? message}`);
}
process.exit();
