// The ready storages, against what those who make their modules say of them.

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { createClient } from "@latchkey/client";
import { secureStoreStorage } from "@latchkey/client/expo";
import { keychainStorage } from "@latchkey/client/keychain";
import { fileStorage } from "@latchkey/client/node";
import { phone, start } from "../../../browser/gateway.mjs";

const OTHER = fileURLToPath(new URL("other-process.mjs", import.meta.url));
// As long as the name of a host may be.
const ISSUER = `https://${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}.example`;

let gateway;
before(async () => {
  gateway = await start({ ISSUER, AUDIENCE: "https://api.example.com/orders" });
});
after(() => gateway?.stop());

/** `expo-secure-store`: values of phones that keep 2,048 bytes at most; `breaks` is what the system says no with. */
function secureStore() {
  const kept = new Map();
  const calls = [];
  const store = {
    kept,
    calls,
    breaks: null,
    async getItemAsync(key, options) {
      store.check("get", key, options);
      return kept.get(key) ?? null;
    },
    async setItemAsync(key, value, options) {
      store.check("set", key, options);
      if (typeof value !== "string") throw new Error("Invalid value provided to SecureStore. Values must be strings");
      if (Buffer.byteLength(value) > 2_048) throw new Error("Value too large");
      kept.set(key, value);
    },
    async deleteItemAsync(key, options) {
      store.check("delete", key, options);
      kept.delete(key);
    },
    check(what, key, options) {
      calls.push([what, key, options]);
      if (!/^[\w.-]+$/.test(key)) throw new Error("Invalid key provided to SecureStore");
      if (store.breaks) throw new Error(store.breaks);
    },
  };
  return store;
}

/** `react-native-keychain`: one password for each service. */
function keychain() {
  const kept = new Map();
  const chain = {
    kept,
    calls: [],
    breaks: null,
    refuses: false,
    async getGenericPassword({ service, ...options }) {
      chain.check("get", service, options);
      return kept.has(service) ? { service, username: "latchkey", password: kept.get(service), storage: "keychain" } : false;
    },
    async setGenericPassword(username, password, { service, ...options }) {
      chain.check("set", service, options);
      if (!username || !password) throw new Error("you passed empty or null username/password");
      if (chain.refuses) return false;
      kept.set(service, password);
      return { service, storage: "keychain" };
    },
    async resetGenericPassword({ service, ...options }) {
      chain.check("reset", service, options);
      return kept.delete(service);
    },
    check(what, service, options) {
      chain.calls.push([what, service, options]);
      if (!service) throw new Error("without a service all would share one password");
      if (chain.breaks) throw new Error(chain.breaks);
    },
  };
  return chain;
}

let people = 0;
const signedIn = async (client) => {
  const number = phone((people += 1));
  const { code } = await client.auth.requestCode({ phone: number });
  await client.auth.enterCode(code);
  return number;
};

const KINDS = {
  "expo-secure-store": () => {
    const fake = secureStore();
    const options = { keychainAccessible: 1 };
    return { fake, options, storage: secureStoreStorage(fake, options) };
  },
  "react-native-keychain": () => {
    const fake = keychain();
    const options = { accessible: "AccessibleAfterFirstUnlock" };
    return { fake, options, storage: keychainStorage(fake, options) };
  },
};

for (const [kind, make] of Object.entries(KINDS)) {
  describe(kind, () => {
    const ours = (storage) => {
      const client = createClient({ url: gateway.url, storage });
      const told = [];
      client.auth.onChange((change) => told.push(change.signedIn));
      return { client, told };
    };

    test("a session fits, goes on after a start, and leaves the device known", async () => {
      const { fake, options, storage } = make();
      const { client } = ours(storage);
      const number = await signedIn(client);
      assert.deepEqual([...fake.kept.keys()].sort(), ["latchkey.device", "latchkey.session"]);
      assert.ok([...fake.kept.values()].every((value) => Buffer.byteLength(value) < 1_536), "with room to spare");
      assert.ok(fake.calls.every(([, , given]) => JSON.stringify(given) === JSON.stringify(options)), "options go along");
      const later = ours(storage).client;
      assert.equal((await later.me.get()).phone, number);
      await later.auth.signOut();
      assert.deepEqual([...fake.kept.keys()], ["latchkey.device"]);
    });

    test("one that cannot be read now signs nobody out", async () => {
      const { fake, storage } = make();
      await signedIn(ours(storage).client);
      const { client, told } = ours(storage);
      fake.breaks = "User interaction is not allowed.";
      await assert.rejects(client.me.get(), { code: "storage_failed" });
      await assert.rejects(client.auth.isSignedIn(), { code: "storage_failed" });
      fake.breaks = null;
      assert.ok(await client.me.get());
      assert.deepEqual(told, []);
    });

    test("one that cannot be written now keeps the code good: the same code signs in afterwards", async () => {
      const { fake, storage } = make();
      const { client, told } = ours(storage);
      const { code } = await client.auth.requestCode({ phone: phone((people += 1)) });
      const broken = ["setItemAsync", "setGenericPassword"].find((name) => fake[name]);
      const { [broken]: works } = fake;
      fake[broken] = (...given) => (given.some((one) => JSON.stringify(one)?.includes("session")) ? Promise.reject(new Error("no room")) : works(...given));
      await assert.rejects(client.auth.enterCode(code), { code: "storage_failed" });
      assert.deepEqual(told, []);
      fake[broken] = works;
      await client.auth.enterCode(code);
      assert.deepEqual(told, [true]);
    });

    test("what the system has lost is nobody signed in, and can be stored anew", async () => {
      const { fake, storage } = make();
      await signedIn(ours(storage).client);
      fake.kept.clear();
      const { client } = ours(storage);
      assert.equal(await client.auth.isSignedIn(), false);
      await assert.rejects(client.me.get(), { code: "not_signed_in" });
      await signedIn(client);
      assert.equal(await client.auth.isSignedIn(), true);
    });
  });
}

test("a keychain that says false has stored nothing, and is told as that", async () => {
  const fake = keychain();
  fake.refuses = true;
  await assert.rejects(keychainStorage(fake).set("latchkey.session", "s"), /did not take it/);
});

test("a value that is too long is refused whole", async () => {
  const fake = secureStore();
  const storage = secureStoreStorage(fake);
  await storage.set("latchkey.session", "before");
  await assert.rejects(storage.set("latchkey.session", "x".repeat(2_049)), /too large/);
  assert.equal(await storage.get("latchkey.session"), "before");
});

describe("files", () => {
  let folder;
  before(async () => (folder = await mkdtemp(join(tmpdir(), "latchkey-"))));
  after(() => rm(folder, { recursive: true, force: true }));

  const running = (...given) => {
    const child = fork(OTHER, given, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const said = [];
    child.on("message", (message) => said.push(message));
    const ended = new Promise((resolve) => child.once("exit", (status, signal) => resolve({ status, signal, said })));
    return { child, ended, said };
  };

  test("nobody else reads them", async () => {
    const within = join(folder, "own");
    const storage = fileStorage(within);
    await storage.set("latchkey.session", "secret");
    await storage.set("latchkey.session", "another");
    await storage.lock(async () => {
      for (const name of await readdir(within)) assert.equal((await stat(join(within, name))).mode & 0o777, 0o600, name);
    });
    assert.equal((await stat(within)).mode & 0o777, 0o700);
    assert.deepEqual(await readdir(within), ["latchkey.session"], "no drafts and no locks are left");
    await storage.remove("latchkey.session");
    await storage.remove("latchkey.session");
    assert.equal(await storage.get("latchkey.session"), null);
  });

  test("what is read is whole, while another process writes and after it was killed", async () => {
    const within = join(folder, "killed");
    const storage = fileStorage(within);
    const readWhole = async () => {
      const value = await storage.get("value");
      assert.equal(value.length, 1_500_000);
      assert.equal(new Set(value).size, 1, "half of one and half of another");
    };
    await storage.set("value", "0".repeat(1_500_000));
    for (let round = 0; round < 4; round += 1) {
      const { child, ended, said } = running("write", within);
      while (said.length < 25) await readWhole();
      child.kill("SIGKILL");
      await ended;
      await readWhole();
    }
  });

  test("four processes are one at a time", async () => {
    const within = join(folder, "turns");
    const all = await Promise.all(Array.from({ length: 4 }, () => running("count", within, "40").ended));
    assert.deepEqual(all.map(({ status }) => status), [0, 0, 0, 0]);
    assert.equal(await fileStorage(within).get("count"), "160");
  });

  test("a lock that a killed process left behind is taken over", { timeout: 60_000 }, async () => {
    const within = join(folder, "left");
    const { child, ended, said } = running("hold", within);
    while (said.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill("SIGKILL");
    await ended;
    assert.ok((await readdir(within)).includes("latchkey.lock"));
    // Never old enough to be taken for its age.
    const staysNew = setInterval(() => utimes(join(within, "latchkey.lock"), new Date(), new Date()).catch(() => {}), 500).unref();
    await fileStorage(within).lock(async () => {});
    clearInterval(staysNew);
  });

  test("four processes that are refused at once refresh once", async () => {
    const within = join(folder, "session");
    const storage = fileStorage(within);
    await signedIn(createClient({ url: gateway.url, storage }));
    const path = join(within, "latchkey.session");
    const session = JSON.parse(await readFile(path, "utf8"));
    await writeFile(path, JSON.stringify({ ...session, access: `${session.access}x`, at: session.at - 60_000 }));
    const all = await Promise.all(Array.from({ length: 4 }, () => running("profile", within, gateway.url).ended));
    assert.deepEqual(all.map(({ said }) => said.at(-1)), Array(4).fill(all[0].said.at(-1)));
    const { access } = JSON.parse(await storage.get("latchkey.session"));
    assert.equal(JSON.parse(Buffer.from(access.split(".")[1], "base64url")).gen, 1);
  });
});
