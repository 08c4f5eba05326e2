// Drives `@latchkey/client`.

import { URL_OF_SERVER } from "./world.mjs";

const { createClient } = await import(process.env.LATCHKEY_CLIENT ?? new URL("../typescript/dist/index.js", import.meta.url));

export function drive({ fetch, storage, now, ticks, after, random, uuid, platform, tell }) {
  const client = createClient({
    url: URL_OF_SERVER,
    storage,
    backends: ["https://api.example.com"],
    world: { fetch, now, ticks, after, random, uuid },
    passkeys: { isSupported: () => true, get: platform, create: platform },
    solve: async () => "proof",
  });
  client.auth.onChange(({ signedIn, problem }) => tell({ signed_in: signedIn, problem: problem?.code ?? null }));
  return {
    is_signed_in: async () => ({ signed_in: await client.auth.isSignedIn() }),
    profile: () => client.me.get(),
    update: (change) => client.me.update(change),
    request_code: (request) => client.auth.requestCode(request),
    enter_code: (entry) => client.auth.enterCode(entry),
    sign_in_with_passkey: () => client.auth.signInWithPasskey(),
    add_passkey: () => client.auth.addPasskey(),
    sign_out: ({ scope } = {}) => client.auth.signOut(scope),
    wake: () => client.auth.wake(),
    fetch: async ({ url, ...init }) => ({ status: (await client.fetch(url, init)).status }),
  };
}

/** What a sign-in some seconds ago left in the store. */
drive.stored = ({ session, device, now }) => ({
  ...(session && {
    "latchkey.session": JSON.stringify({
      access: session.access,
      refresh: session.refresh,
      lifetime: session.lifetime,
      at: now - session.age * 1_000,
    }),
  }),
  ...(device && { "latchkey.device": JSON.stringify({ token: device }) }),
});

/** The two tokens in the store, or null. */
drive.read = (kept) => {
  const parsed = (key) => JSON.parse(kept.get(key) ?? "{}");
  return { session: parsed("latchkey.session").refresh ?? null, device: parsed("latchkey.device").token ?? null };
};
