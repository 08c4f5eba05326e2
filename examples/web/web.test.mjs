// The app in Chromium, against a real gateway at another origin.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import { authenticator } from "../../browser/authenticator.mjs";
import { accessible, launch, open } from "../../browser/browser.mjs";
import { GUARD, phone, start } from "../../browser/gateway.mjs";
import { serve } from "./serve.mjs";

let browser;
const running = [];
let gateway;
let app;

before(async () => {
  browser = await launch();
  [gateway, app] = await both({});
});

after(async () => {
  await browser?.close();
  for (const one of running) await one.stop();
});

/** A gateway, and the app that it lets in. */
async function both(variables) {
  // The app's port is known once it runs, and the gateway's as well: the app is served anew when both are.
  const first = await serve({ port: 0 });
  await first.stop();
  const api = await start({ ...variables, CORS_ORIGINS: first.url, PASSKEY_ORIGINS: first.url });
  running.push(api);
  const page = await serve({ port: Number(new URL(first.url).port), latchkey: api.url });
  running.push(page);
  return [api, page];
}

/** A test with the app's page, on a gateway of its own where it needs `variables`. */
function inApp(name, { variables, ...options }, run) {
  test(name, { timeout: 120_000 }, async () => {
    const [api, { url }] = variables ? await both(variables) : [gateway, app];
    const page = await open(browser, options);
    try {
      await page.goto(url);
      await heading(page, "Sign in");
      await run(page, api);
      assert.deepEqual(page.wrong, []);
    } finally {
      await page.context().close();
    }
  });
}

const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();
const button = (page, name) => page.getByRole("button", { name, exact: true });
const part = (page, name) => page.locator("section", { has: page.getByRole("heading", { name }) });
const said = (page, text) => page.getByRole("status").getByText(text, { exact: true }).waitFor();
const alerted = (page, text) => page.getByRole("alert").getByText(text, { exact: true }).waitFor();
const codeFor = async (number, api = gateway) => (await api.lastText(number)).match(/\d{4}/)[0];

/** By the keyboard alone, as far as a control. */
async function tabTo(page, control) {
  for (let trial = 0; trial < 40; trial += 1) {
    if (await control.evaluate((one) => one === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab does not lead to ${control}`);
}

async function askFor(page, number) {
  await tabTo(page, page.getByLabel("Phone number"));
  await page.keyboard.type(number);
  await page.keyboard.press("Enter");
  await heading(page, "Enter the code");
}

async function enter(page, number) {
  await askFor(page, number);
  await page.keyboard.type(await codeFor(number));
  await page.keyboard.press("Enter");
}

describe("the example in a browser", { concurrency: 3 }, () => {
  for (const [width, colorScheme, number] of [["phone", "dark", 1], ["phone", "light", 2], ["desktop", "dark", 3]]) {
    inApp(`a whole day by the keyboard, on a ${width}, ${colorScheme}`, { width, colorScheme }, async (page) => {
      const me = phone(100 + number);
      const friend = await gateway.signIn(phone(200 + number));
      await authenticator(page);
      await accessible(page, "sign-in");
      const read = [];
      page.on("request", (request) => new URL(request.url()).pathname === "/v1/users/me" && read.push(request.method()));
      await askFor(page, me);
      await accessible(page, "code");
      await page.keyboard.type(await codeFor(me));
      await page.keyboard.press("Enter");
      await heading(page, "Sign in without a text next time?");
      await page.locator("h1:focus").waitFor();
      await accessible(page, "offer");
      assert.deepEqual(read, [], "nothing else is drawn before the last step");
      await tabTo(page, button(page, "Add a passkey"));
      await page.keyboard.press("Enter");
      await heading(page, "Signed in");

      await part(page, "Profile").getByText(me).waitFor();
      await tabTo(page, page.getByLabel("City"));
      await page.keyboard.type("Omsk");
      await page.keyboard.press("Enter");
      await said(page, "Saved.");
      const picture = { name: "one.webp", mimeType: "image/webp", buffer: Buffer.from("UklGRhYAAABXRUJQVlA4TAkAAAAvAAAAAChARAQA", "base64") };
      await page.getByLabel("Picture").setInputFiles(picture);
      await said(page, "Your picture is there.");
      await page.waitForFunction(() => document.querySelector(".avatar").naturalWidth === 1);

      const code = await part(page, "Invite friends").locator(".code").textContent();
      await gateway.ask("PUT", "/v1/users/me/referrer", { token: friend.access_token, body: { invite_code: code } });
      await tabTo(page, page.getByLabel("A friend's invite code"));
      await page.keyboard.type(code);
      await page.keyboard.press("Enter");
      await said(page, "This invite code is your own.");
      const third = await gateway.signIn(phone(300 + number));
      await page.getByLabel("A friend's invite code").fill(third.user.invite_code.toLowerCase());
      await page.keyboard.press("Enter");
      await part(page, "Invite friends").getByText(`${phone(300 + number)} invited you.`).waitFor();

      await gateway.signIn(me, { device: "Old phone" });
      await page.reload();
      await part(page, "Friends who entered your code").getByText(phone(200 + number)).waitFor();
      await part(page, "Passkeys").getByText(/This browser, added/).waitFor();
      await tabTo(page, button(page, "Sign out Old phone"));
      await page.keyboard.press("Enter");
      await said(page, "Signed out.");
      assert.equal(await part(page, "Signed-in devices").locator("li").count(), 1);
      await accessible(page, "one's own");
      const [download] = await Promise.all([page.waitForEvent("download"), button(page, "Save all that is stored of me").click()]);
      const { account, referrals } = JSON.parse(await readFile(await download.path(), "utf8"));
      assert.deepEqual([account.phone, account.city, referrals.map(({ phone }) => phone)], [me, "Omsk", [phone(200 + number)]]);

      await button(page, "Sign out").click();
      await heading(page, "Sign in");
      await tabTo(page, button(page, "Sign in with a passkey"));
      await page.keyboard.press("Enter");
      await heading(page, "Signed in");
      await button(page, "Remove This browser").click();
      // It began this session, which ends with it.
      await page.getByText("You were signed out.").waitFor();
      await heading(page, "Sign in");
    });
  }

  inApp("what went wrong is said, and what to wait for", { width: "phone", variables: { RESEND_COOLDOWN: "60" } }, async (page, api) => {
    await page.getByLabel("Phone number").fill("12");
    await page.keyboard.press("Enter");
    await alerted(page, "This is no phone number that can be texted.");
    await page.getByLabel("Phone number").fill("");
    await askFor(page, phone(10));
    await page.getByRole("button", { name: /^Another text in \d\d s$/ }).waitFor();
    const right = await codeFor(phone(10), api);
    await page.keyboard.type(right === "1111" ? "2222" : "1111");
    await page.keyboard.press("Enter");
    await alerted(page, "This code is wrong or too old. 4 more tries.");
    await accessible(page, "a wrong code");
    await button(page, "Another number").click();
    await heading(page, "Sign in");
    await askFor(page, phone(10));
    await page.keyboard.type(right);
    await page.keyboard.press("Enter");
    await button(page, "Not now").click();
    await heading(page, "Signed in");
  });

  inApp("a session that was ended elsewhere is told, and one that begins in another tab is seen", {}, async (page) => {
    await enter(page, phone(11));
    await button(page, "Not now").click();
    await heading(page, "Signed in");
    const beside = await page.context().newPage();
    await beside.goto(app.url);
    await heading(beside, "Signed in");
    const other = await gateway.signIn(phone(11));
    await gateway.ask("POST", "/v1/auth/logout", { token: other.access_token, body: { scope: "others" } });
    await page.reload();
    await page.getByText("You were signed out.").waitFor();
    await heading(beside, "Sign in");
    await enter(beside, phone(12));
    await heading(page, "Signed in");
    await part(page, "Profile").getByText(phone(12)).waitFor();
  });

  inApp("a proof of work is drawn, and left", { width: "phone", variables: { ...GUARD, PROOF_COST: "100000" } }, async (page, api) => {
    await api.flood("+7902000");
    await page.getByLabel("Phone number").fill("+79020009001");
    await page.keyboard.press("Enter");
    await heading(page, "One moment");
    await accessible(page, "proof");
    await button(page, "Cancel").click();
    await heading(page, "Sign in");
  });
});
