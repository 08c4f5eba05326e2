// The app's own source without a phone: its words in Node; its screens in Chromium, where react-native-web draws them and
// what only phones have is played (secure-store.js, passkey.js), against a real gateway.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

import { authenticator } from "../../../browser/authenticator.mjs";
import { launch, open } from "../../../browser/browser.mjs";
import { phone, start } from "../../../browser/gateway.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));

async function bundled(contents, more = {}) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: HERE, loader: "tsx" },
    bundle: true,
    format: "esm",
    jsx: "automatic",
    nodePaths: [`${HERE}node_modules`],
    alias: { "react-native": "react-native-web", "expo-secure-store": `${HERE}secure-store.js`, "react-native-passkey": `${HERE}passkey.js` },
    write: false,
    ...more,
  });
  return outputFiles[0].text;
}

describe("words", () => {
  let words;
  before(async () => {
    words = await import(`data:text/javascript,${encodeURIComponent(await bundled(`export * from "../src/words";`))}`);
  });

  test("the invite code of a link that opened the app", () => {
    for (const link of ["https://auth.example.com/i/k5j3rw", "https://auth.example.com/i/K5J3RW/", "latchkey-example://open/i/K5J3RW?from=mail"]) {
      assert.equal(words.inviteCodeOf(link), "K5J3RW", link);
    }
    for (const link of [null, undefined, "", "https://auth.example.com/", "https://auth.example.com/i/K5J3R", "https://auth.example.com/i/K5J3RWX", "https://auth.example.com/?/i/K5J3RW", "https://auth.example.com/i/K5-3RW"]) {
      assert.equal(words.inviteCodeOf(link), null, `${link}`);
    }
  });

  test("what is said of a problem, and of how long to wait", () => {
    assert.equal(words.sayProblem({ code: "invalid_code", extras: { attempts_left: 4 } }), "This code is wrong or too old. 4 more tries.");
    assert.equal(words.sayProblem({ code: "invalid_code", extras: { attempts_left: 0 } }), "This code is wrong or too old.");
    assert.equal(words.sayProblem({ code: "one_of_tomorrow", extras: {} }), "Something went wrong (one_of_tomorrow).");
    assert.deepEqual([5, 89, 90, 5_340, 5_460].map(words.sayWait), ["in 5 s", "in 89 s", "in 2 minutes", "in 89 minutes", "in 2 hours"]);
  });
});

describe("screens", { concurrency: 3 }, () => {
  let browser;
  let server;
  let gateway;
  let url;
  before(async () => {
    let script = "";
    server = createServer(({ url }, response) => {
      if (url === "/app.js") return response.writeHead(200, { "content-type": "text/javascript" }).end(script);
      response.writeHead(200, { "content-type": "text/html" });
      response.end(`<!doctype html><html lang="en"><title>App</title><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="/app.js"></script>`);
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://localhost:${server.address().port}`;
    browser = await launch();
    gateway = await start({ CORS_ORIGINS: url, PASSKEY_ORIGINS: url });
    script = await bundled(
      `import { createRoot } from "react-dom/client";
       import { App } from "../src/App";
       createRoot(document.getElementById("root")).render(<App />);`,
      { define: { "process.env.EXPO_PUBLIC_LATCHKEY": JSON.stringify(gateway.url), "process.env.NODE_ENV": `"production"` } },
    );
  });
  after(async () => {
    await browser?.close();
    await gateway?.stop();
    server?.closeAllConnections();
    server?.close();
  });

  function inApp(name, run, path = () => "/") {
    test(name, { timeout: 120_000 }, async () => {
      const page = await open(browser, { width: "phone" });
      try {
        await authenticator(page);
        await page.goto(url + (await path()));
        await heading(page, "Sign in");
        await run(page);
        assert.deepEqual(page.wrong, []);
      } finally {
        await page.context().close();
      }
    });
  }

  const heading = (page, name) => page.getByRole("heading", { name, exact: true }).waitFor();
  const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
  const codeFor = async (number) => (await gateway.lastText(number)).match(/\d{4}/)[0];
  const sees = (page, text) => page.getByText(text).first().waitFor();

  async function enter(page, number) {
    await page.getByLabel("Phone number").fill(number);
    await press(page, "Text me a code");
    await heading(page, "Enter the code");
    await page.getByLabel("Code").fill(await codeFor(number));
    await press(page, "Sign in");
    await heading(page, "Sign in without a text next time?");
  }

  inApp("a sign-in with a passkey added, what is one's own, and the passkey used", async (page) => {
    await enter(page, phone(1));
    await press(page, "Add a passkey");
    await heading(page, "Signed in");
    await sees(page, phone(1));
    await page.getByLabel("City").fill("Omsk");
    await press(page, "Save");
    await sees(page, "Omsk");
    await sees(page, /This phone, added/);
    await sees(page, /Phone, last seen .*, this one/);
    await page.reload();
    await heading(page, "Signed in");
    assert.equal(await page.getByRole("heading", { name: "Sign in", exact: true }).count(), 0);
    await press(page, "Sign out");
    await heading(page, "Sign in");
    await press(page, "Sign in with a passkey");
    await heading(page, "Signed in");
    await press(page, "Add a passkey");
    await sees(page, "This phone has a passkey of yours already.");
  });

  inApp("a wrong code, another number, and no passkey", async (page) => {
    await page.getByLabel("Phone number").fill("12");
    await press(page, "Text me a code");
    await sees(page, "This is no phone number that can be texted.");
    await page.getByLabel("Phone number").fill(phone(2));
    await press(page, "Text me a code");
    await heading(page, "Enter the code");
    const field = page.getByLabel("Code");
    assert.deepEqual([await field.getAttribute("autocomplete"), await field.getAttribute("inputmode")], ["one-time-code", "numeric"]);
    await field.fill((await codeFor(phone(2))) === "1111" ? "2222" : "1111");
    await press(page, "Sign in");
    await sees(page, "This code is wrong or too old. 4 more tries.");
    await press(page, "Another number");
    await enter(page, phone(3));
    await press(page, "Not now");
    await heading(page, "Signed in");
    await sees(page, phone(3));
  });

  let friend;
  inApp(
    "the link of a friend opens the app, and its code goes along",
    async (page) => {
      await sees(page, `Invited with ${friend.user.invite_code}.`);
      await enter(page, phone(5));
      await press(page, "Not now");
      await sees(page, `${phone(4)} invited you.`);
      const { items } = await gateway.ask("GET", "/v1/users/me/referrals", { token: friend.access_token });
      assert.deepEqual(items.map(({ phone }) => phone), [phone(5)]);
    },
    async () => {
      friend = await gateway.signIn(phone(4));
      return `/i/${friend.user.invite_code}`;
    },
  );

  inApp("a session that was ended elsewhere is told when the app comes to the front", async (page) => {
    await enter(page, phone(6));
    await press(page, "Not now");
    await heading(page, "Signed in");
    const other = await gateway.signIn(phone(6));
    await gateway.ask("POST", "/v1/auth/logout", { token: other.access_token, body: { scope: "others" } });
    await page.reload();
    await heading(page, "Sign in");
    await sees(page, "You were signed out.");
  });
});
