// The client in Chromium, as plain ES modules of a page that calls a real gateway at another origin.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

import { authenticator } from "../../../browser/authenticator.mjs";
import { launch, open } from "../../../browser/browser.mjs";
import { GUARD, phone, start } from "../../../browser/gateway.mjs";
import { backend, serve } from "./page.mjs";

const [SAMPLE] = readFileSync(new URL("../../../docs/integrate.md", import.meta.url), "utf8").match(/(?<=^```html\n).*?(?=^```$)/ms);

let browser;
let app;
let gateway;
let guarded;

before(async () => {
  const { outputFiles } = await build({
    stdin: { contents: `export { solve } from "./dist/index.js";`, resolveDir: fileURLToPath(new URL("..", import.meta.url)) },
    bundle: true,
    minify: true,
    // Puts a function of its own around each function, which a worker that is given one as text does not have.
    keepNames: true,
    format: "esm",
    write: false,
  });
  app = await serve({ bundle: outputFiles[0].text, sample: () => SAMPLE.replace("http://localhost:3000", gateway.url) });
  const pages = { CORS_ORIGINS: app.url, PASSKEY_ORIGINS: app.url };
  browser = await launch();
  gateway = await start(pages);
  guarded = await start({ ...pages, ...GUARD });
});

after(async () => {
  await browser?.close();
  await Promise.all([app?.stop(), gateway?.stop(), guarded?.stop()]);
});

/** A test with a page of the app's, in which nothing may go wrong that `permits` does not name. */
function inPage(name, run, { permits = /^$/, prepare, policy = "", base = "" } = {}) {
  test(name, { timeout: 120_000 }, async () => {
    const page = await open(browser);
    try {
      if (prepare) await page.context().addInitScript(prepare);
      await load(page, { policy, base });
      await run(page);
      assert.deepEqual(page.wrong.filter((wrong) => !permits.test(wrong)), []);
    } finally {
      await page.context().close();
    }
  });
}

async function load(page, { policy = "", base = "" } = {}, url = gateway.url) {
  await page.goto(`${app.url}/?${new URLSearchParams({ policy, base })}`);
  await page.waitForFunction(() => globalThis.isLoaded);
  await page.evaluate((url) => ready(url), url);
}

/** Another tab of the same person. */
async function tabBeside(page) {
  const tab = await page.context().newPage();
  await load(tab);
  return tab;
}

const signIn = (page, number) =>
  page.evaluate(async (phone) => {
    const { code } = await client.auth.requestCode({ phone });
    return client.auth.enterCode(code);
  }, phone(number));

const profile = (page) => page.evaluate(() => client.me.get());
const told = (page) => page.evaluate(() => globalThis.told);

/** What is stored, with how often the server has refreshed the session, as the access token itself says. */
const stored = (page) =>
  page.evaluate(() => {
    const session = JSON.parse(localStorage.getItem("latchkey.session"));
    return { ...session, generation: JSON.parse(atob(session.access.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).gen };
  });

/** Makes the stored token one that came a minute ago, and is refused where it \`isBad\`. */
const age = (page, isBad = true) =>
  page.evaluate((isBad) => {
    const session = JSON.parse(localStorage.getItem("latchkey.session"));
    const access = isBad ? `${session.access}x` : session.access;
    localStorage.setItem("latchkey.session", JSON.stringify({ ...session, access, at: session.at - 60_000 }));
  }, isBad);

/** Holds up refreshes so that others come meanwhile; counts them. */
async function slowRefreshes(page, milliseconds = 700) {
  const asked = [];
  await page.context().route("**/v1/auth/refresh", async (route) => {
    asked.push(route.request());
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    await route.continue().catch(() => {});
  });
  return asked;
}

/** The first tab asks, and is closed when its refresh was done and its answer is on the way. */
async function closedAtTheRefresh(page) {
  let asked;
  const hasAsked = new Promise((resolve) => (asked = resolve));
  await page.context().route("**/v1/auth/refresh", async (route) => {
    await route.fetch();
    asked();
  }, { times: 1 });
  void page.evaluate(() => client.me.get()).catch(() => {});
  await hasAsked;
  await page.close();
}

/** In this tab, writes of others are known half a second late: what the browser may do on a busy machine. */
const lateWrites = () => {
  const { getItem } = Storage.prototype;
  const known = new Map(Object.keys(localStorage).map((key) => [key, getItem.call(localStorage, key)]));
  Storage.prototype.getItem = (key) => known.get(key) ?? null;
  addEventListener("storage", (event) => {
    if (event.isLate) return;
    event.stopImmediatePropagation();
    const { key, newValue } = event;
    setTimeout(() => {
      known.set(key, newValue);
      dispatchEvent(Object.assign(new StorageEvent("storage", { key, newValue, storageArea: localStorage }), { isLate: true }));
    }, 500);
  });
};

const withoutLocks = () => Object.defineProperty(Navigator.prototype, "locks", { get: () => undefined });

describe("the client in Chromium", { concurrency: 3 }, () => {
  inPage("the page of docs/integrate.md signs in, in 15 lines", async (page) => {
    assert.ok(SAMPLE.trimEnd().split("\n").length <= 15);
    await page.goto(`${app.url}/sample`);
    const said = page.getByRole("alert");
    await page.getByLabel("Phone number").fill("12");
    await page.getByRole("button", { name: "Text me a code" }).click();
    await said.getByText("invalid_phone").waitFor();
    await page.getByLabel("Phone number").fill(phone(16));
    await page.getByRole("button", { name: "Text me a code" }).click();
    await said.getByText("code", { exact: true }).waitFor();
    await page.getByLabel("Code").fill((await gateway.lastText(phone(16))).match(/\d{4}/)[0]);
    await page.getByRole("button", { name: "Sign in" }).click();
    await said.getByText(phone(16)).waitFor();
  });

  inPage("signs in across origins, and is signed in after the page was loaded anew", async (page) => {
    const { is_new, user } = await signIn(page, 1);
    assert.equal(is_new, true);
    assert.equal((await profile(page)).id, user.id);
    await load(page);
    assert.equal(await page.evaluate(() => client.auth.isSignedIn()), true);
    assert.equal((await profile(page)).phone, phone(1));
    assert.deepEqual((await page.evaluate(() => client.me.sessions())).items.map(({ device }) => device), ["Chromium"]);
    await page.evaluate(() => client.auth.signOut());
    const left = await page.evaluate(() => Object.keys(localStorage));
    assert.deepEqual(left, ["latchkey.device"], "the device stays known, and nothing else is kept");
  });

  for (const [how, prepare] of [["by Web Locks", undefined], ["where there are no Web Locks", withoutLocks]]) {
    inPage(`two tabs that are refused at once refresh once, ${how}`, async (page) => {
      await signIn(page, prepare ? 3 : 2);
      await age(page);
      const beside = await tabBeside(page);
      await load(page);
      const asked = await slowRefreshes(page);
      const lock = page.evaluate(async () => {
        for (;;) {
          const { held = [] } = (await globalThis.navigator.locks?.query()) ?? {};
          const leases = Object.keys(localStorage).filter((key) => key.endsWith(".lock"));
          if (held.length + leases.length > 0) return { held: held.map(({ name }) => name), leases };
          await new Promise(requestAnimationFrame);
        }
      });
      const [mine, other] = await Promise.all([profile(page), profile(beside)]);
      assert.equal(mine.id, other.id);
      assert.equal(asked.length, 1);
      assert.equal((await stored(page)).generation, 1);
      assert.deepEqual(await lock, prepare ? { held: [], leases: ["latchkey.lock"] } : { held: ["latchkey"], leases: [] });
    }, { prepare });
  }

  inPage("a lock that comes sooner than what its holder wrote waits for that", async (page) => {
    await signIn(page, 15);
    await age(page);
    const beside = await page.context().newPage();
    await beside.addInitScript(lateWrites);
    await load(beside);
    await load(page);
    const asked = await slowRefreshes(page);
    const mine = profile(page);
    while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal((await profile(beside)).id, (await mine).id);
    assert.equal(asked.length, 1);
  });

  inPage("two tabs that share no lock refresh twice, and the server forgives it: what the tests above could miss", async (page) => {
    await signIn(page, 4);
    await age(page);
    const beside = await tabBeside(page);
    await load(page);
    const asked = await slowRefreshes(page);
    for (const tab of [page, beside]) {
      await tab.evaluate((url) => ready(url, { storage: { ...core.localStorageStorage(), lock: undefined } }), gateway.url);
    }
    await Promise.all([profile(page), profile(beside)]);
    assert.equal(asked.length, 2);
    assert.equal((await profile(beside)).phone, phone(4));
  });

  for (const [how, prepare] of [["by Web Locks", undefined], ["by its lease where there are none", withoutLocks]]) {
    inPage(`a tab that is closed in the middle of its refresh leaves it to another, ${how}`, async (page) => {
      await signIn(page, prepare ? 6 : 5);
      await age(page);
      const beside = await tabBeside(page);
      await load(page);
      await closedAtTheRefresh(page);
      await beside.evaluate((url) => ready(url, { patience: 60_000 }), gateway.url);
      assert.equal((await profile(beside)).phone, phone(prepare ? 6 : 5));
      assert.equal((await stored(beside)).generation, 1, "the same answer once more");
    }, { prepare });
  }

  inPage("signing out in one tab is seen by the other, and so is signing in, and a store that was emptied", async (page) => {
    const beside = await tabBeside(page);
    const hears = (count) => beside.waitForFunction((count) => globalThis.told.length === count, count);
    await beside.evaluate(() => client.auth.isSignedIn());
    await signIn(page, 7);
    await hears(1);
    await page.evaluate(() => client.auth.signOut());
    await hears(2);
    await assert.rejects(profile(beside), /not_signed_in/);
    await signIn(page, 7);
    await hears(3);
    await page.evaluate(() => localStorage.clear());
    await hears(4);
    assert.deepEqual(await told(beside), [[true, null], [false, null], [true, null], [false, null]]);
  });

  inPage("a page that comes back reads the store, as it heard nothing meanwhile", async (page) => {
    await signIn(page, 8);
    for (const event of ["pageshow", "visibilitychange", "online"]) {
      const session = await page.evaluate((event) => {
        const session = localStorage.getItem("latchkey.session");
        localStorage.removeItem("latchkey.session");
        globalThis.told.length = 0;
        (event === "visibilitychange" ? document : globalThis).dispatchEvent(new Event(event, { bubbles: true }));
        return session;
      }, event);
      await page.waitForFunction(() => globalThis.told.length === 1);
      await page.evaluate(async (session) => {
        localStorage.setItem("latchkey.session", session);
        await client.auth.wake();
      }, session);
    }
  });

  const proofs = (page) => {
    const workers = [];
    page.on("worker", (worker) => workers.push(new URL(worker.url()).protocol));
    return workers;
  };
  const proved = (page, number) =>
    page.evaluate(async (phone) => {
      let begun = 0;
      const { code } = await client.auth.requestCode({ phone, onProof: () => (begun += 1) });
      await client.auth.enterCode(code);
      return begun;
    }, number);

  inPage("a proof of work is made in a worker, and the page goes on drawing", async (page) => {
    await guarded.flood("+7902000");
    await load(page, {}, guarded.url);
    const workers = proofs(page);
    const drawing = page.evaluate(async () => {
      let longest = 0;
      for (let last = performance.now(); !globalThis.isProved; ) {
        await new Promise(requestAnimationFrame);
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }
      return longest;
    });
    assert.ok((await proved(page, "+79020009001")) >= 1);
    await page.evaluate(() => (globalThis.isProved = true));
    assert.ok(workers.length >= 1 && workers.every((kind) => kind === "blob:"), `${workers}`);
    console.log(`the longest frame took ${Math.round(await drawing)} ms`);
  });

  const POLICY = "default-src 'self'; connect-src *; worker-src 'none'; img-src data:";
  inPage(
    "a policy that forbids workers costs the worker alone",
    async (page) => {
      await guarded.flood("+7902001");
      await load(page, { policy: POLICY }, guarded.url);
      const workers = proofs(page);
      assert.ok((await proved(page, "+79020019001")) >= 1);
      assert.deepEqual(workers, []);
      assert.ok(page.wrong.some((wrong) => /worker-src/.test(wrong)));
    },
    { permits: /worker-src/ },
  );

  inPage("a bundler that changes functions costs the worker alone", async (page) => {
    const proof = await page.evaluate(async () => {
      const { solve } = await import("/bundle.js");
      return solve({ parameters: { nonce: "00ff10", salt: "abcdef0123", cost: 3, keyLength: 32, keyPrefix: "0" }, signature: "s" });
    });
    assert.match(JSON.parse(atob(proof)).solution.derivedKey, /^0/);
  });

  inPage("a proof that is called off ends its worker", async (page) => {
    const workers = [];
    page.on("worker", (worker) => workers.push(worker));
    const name = await page.evaluate(async () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 300);
      const parameters = { nonce: "00ff10", salt: "abcdef0123", cost: 500, keyLength: 32, keyPrefix: "00000000000000" };
      return core.solve({ parameters, signature: "s" }, controller.signal).catch(({ name }) => name);
    });
    assert.equal(name, "AbortError");
    assert.equal(workers.length, 1);
    for (let trial = 0; page.workers().length > 0 && trial < 50; trial += 1) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(page.workers(), []);
  });

  inPage("a passkey is added, signs in, is made once, and turned down", async (page) => {
    const device = await authenticator(page);
    const { user } = await signIn(page, 9);
    const made = await page.evaluate(() => client.auth.addPasskey("Chromium"));
    assert.equal(made.name, "Chromium");
    const failing = (call) => page.evaluate((call) => client.auth[call]().then(() => null, ({ code }) => code), call);
    assert.equal(await failing("addPasskey"), "passkey_exists");
    await page.evaluate(() => client.auth.signOut());
    await device.verifies(false);
    assert.equal(await failing("signInWithPasskey"), "passkey_cancelled");
    await device.verifies(true);
    const again = await page.evaluate(() => client.auth.signInWithPasskey());
    assert.deepEqual([again.user.id, again.is_new], [user.id, false]);
    assert.ok((await page.evaluate(() => client.me.passkeys())).items[0].last_used_at);
    await page.evaluate((id) => client.me.removePasskey(id), made.id);
    const asked = [];
    page.on("request", (request) => request.url().endsWith("/passkey/options") && request.method() === "POST" && asked.push(1));
    assert.equal(await failing("signInWithPasskey"), "passkey_not_accepted");
    assert.equal(asked.length, 2, "once more, with new options");
  });

  inPage("a sign-in offers a passkey, and takes it", async (page) => {
    await authenticator(page);
    const steps = await page.evaluate(async (phone) => {
      const steps = [];
      const signIn = new SignIn(client, { passkeyName: "Chromium" });
      signIn.subscribe(({ step, busy }) => busy || steps.push(step));
      await signIn.requestCode(phone);
      await signIn.enterCode(signIn.get().texted.code);
      await signIn.addPasskey();
      await client.auth.signOut();
      const again = new SignIn(client);
      again.subscribe(({ step, busy }) => busy || steps.push(step));
      await again.signInWithPasskey();
      return steps;
    }, phone(10));
    assert.deepEqual(steps, ["code", "passkey-offer", "done", "done"]);
  });

  // As Chrome on Android has it: `get` waits for a text, and is called off by its signal.
  const texts = () => {
    globalThis.OTPCredential = class {};
    globalThis.waiting = [];
    const { get } = CredentialsContainer.prototype;
    CredentialsContainer.prototype.get = function (options) {
      if (!options?.otp) return get.call(this, options);
      return new Promise((resolve, reject) => {
        const { signal } = options;
        const one = { transport: options.otp.transport, arrives: (code) => resolve({ code }), isOff: false };
        signal.addEventListener("abort", () => {
          one.isOff = true;
          if (!globalThis.isDeaf) reject(signal.reason);
        });
        globalThis.waiting.push(one);
      });
    };
  };

  inPage(
    "a text that the browser reads enters itself, even before its step",
    async (page) => {
      for (const isEarly of [false, true]) {
        const { state, asked } = await page.evaluate(
          async ([phone, isEarly]) => {
            const signIn = new SignIn(client, { passkeyName: null });
            globalThis.waiting.length = 0;
            const { requestCode } = client.auth;
            client.auth.requestCode = async (request) => {
              const texted = await requestCode.call(client.auth, request);
              if (isEarly) {
                globalThis.waiting[0].arrives(texted.code);
                await new Promise((resolve) => setTimeout(resolve, 100));
              }
              return texted;
            };
            await signIn.requestCode(phone);
            client.auth.requestCode = requestCode;
            if (!isEarly) globalThis.waiting[0].arrives(signIn.get().texted.code);
            await new Promise((resolve) => signIn.get().step === "done" ? resolve() : signIn.subscribe(({ step }) => step === "done" && resolve()));
            return { state: signIn.get().step, asked: globalThis.waiting.map(({ transport }) => transport) };
          },
          [phone(11), isEarly],
        );
        assert.equal(state, "done");
        assert.deepEqual(asked, [["sms"]]);
        assert.equal((await profile(page)).phone, phone(11));
      }
    },
    { prepare: texts },
  );

  inPage(
    "a text that nobody waits for any more enters nothing",
    async (page) => {
      const seen = await page.evaluate(
        async ([one, other]) => {
          const signIn = new SignIn(client, { passkeyName: null });
          // The text is read at the moment when it is called off.
          globalThis.isDeaf = true;
          await signIn.requestCode(one);
          const { code } = signIn.get().texted;
          signIn.back();
          const { isOff } = globalThis.waiting[0];
          await signIn.requestCode(other);
          globalThis.waiting[0].arrives(code);
          await new Promise((resolve) => setTimeout(resolve, 200));
          const { step, busy, trouble } = signIn.get();
          return { off: [isOff, globalThis.waiting[1].isOff], step, busy, trouble };
        },
        [phone(12), phone(13)],
      );
      assert.deepEqual(seen, { off: [true, false], step: "code", busy: false, trouble: null });
    },
    { prepare: texts },
  );

  test("the token goes to listed backends alone, wherever a page's base leads", { timeout: 120_000 }, async () => {
    const [mine, foreign] = await Promise.all([backend(), backend()]);
    const page = await open(browser);
    try {
      await load(page, { base: `${foreign.url}/` });
      await signIn(page, 14);
      await age(page, false);
      await load(page, { base: `${foreign.url}/` });
      await page.evaluate(([url, backends]) => ready(url, { backends }), [gateway.url, [mine.url, app.url]]);
      const ask = (address) => page.evaluate((address) => client.fetch(address).then(({ status }) => status, ({ name }) => name), address);
      assert.equal(await ask(`${mine.url}/once`), 200);
      assert.deepEqual(mine.seen.map(([path, token]) => [path, token !== null]), [["/once", true], ["/once", true]]);
      assert.notEqual(mine.seen[0][1], mine.seen[1][1], "refreshed in between");
      mine.seen.length = 0;
      assert.equal(await ask(`${mine.url}/away`), "TypeError");
      assert.deepEqual(mine.seen.map(([path]) => path), ["/away"]);
      assert.equal(await ask("orders"), 200);
      assert.equal(await ask(`${foreign.url}/orders`), 200);
      assert.equal(await ask(`${mine.url.replace("localhost", "127.0.0.1")}/orders`), 200);
      assert.deepEqual(foreign.seen, [["/orders", null], ["/orders", null]]);
      assert.deepEqual(mine.seen.at(-1), ["/orders", null], "another name of the same host");
    } finally {
      await page.context().close();
      await Promise.all([mine.stop(), foreign.stop()]);
    }
  });
});
