// `@latchkey/client` and its server on a virtual clock. LATCHKEY_CLIENT names another build.

import { URL_OF_SERVER } from "../world.mjs";
import { Server } from "./server.mjs";

const { createClient } = await import(process.env.LATCHKEY_CLIENT ?? new URL("../../typescript/dist/index.js", import.meta.url));

// Node's own is most of what a request costs here, and nothing but `aborted` is looked at.
globalThis.AbortController = class {
  signal = { aborted: false, addEventListener() {}, removeEventListener() {} };
  abort() {
    this.signal.aborted = true;
  }
};

export const name = "@latchkey/client";

export const makeServer = (clock) => new Server(clock);

/** What a sign-in leaves in the store. */
export function stored({ access_token, refresh_token, device_token, expires_in }, now) {
  return [
    ["latchkey.session", JSON.stringify({ access: access_token, refresh: refresh_token, lifetime: expires_in, at: now })],
    ["latchkey.device", JSON.stringify({ token: device_token })],
  ];
}

/** What an app does with a client: ask as whoever is signed in. `over` is told why, where a client signs out. */
export function start({ process, server, network, now, ticks, random, over }) {
  const client = createClient({
    url: URL_OF_SERVER,
    storage: process.device.storageOf(process),
    world: {
      fetch: (url, { method, headers, body, signal }) => {
        const path = url.slice(URL_OF_SERVER.length);
        const sent = { authorization: headers.authorization, body };
        const asked = process.ask(network, path === Server.refreshPath, () => server.answer(method, path, sent));
        return asked.then((got) => (signal.aborted ? Promise.reject(new Error("aborted")) : got));
      },
      now,
      ticks,
      after: (milliseconds, what) => process.after(milliseconds, what),
      random,
    },
  });
  client.auth.onChange(({ signedIn, problem }) => signedIn || over(problem?.code ?? "forgotten"));
  return { ask: () => client.me.get() };
}
