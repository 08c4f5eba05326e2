// The README's pictures, made anew with `PICTURES=1 node --test`.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

import { launch, open } from "./browser.mjs";
import { ADMIN, start } from "./gateway.mjs";

const path = (name) => fileURLToPath(new URL(`../docs/images/${name}.png`, import.meta.url));

/** People with a past: the gateway is a minute old, so the picture's dates and numbers are made up. */
const PEOPLE = [
  ["+79000000002", "anna@example.com", "Moscow", "Pixel 8"],
  ["+79000000003", null, "Kazan", "Galaxy S24"],
  ["+12015550123", "ben@example.com", "Newark", "iPhone 15"],
  ["+79000000004", null, null, "iPhone 15"],
  ["+79000000005", "vera@example.com", "Tver", "Redmi Note 13"],
  ["+79000000006", "oleg@example.com", "Omsk", "iPad"],
  ["+79000000007", null, "Perm", "Galaxy A55"],
];

test("the pictures of the README", { skip: !process.env.PICTURES }, async () => {
  const gateway = await start();
  const browser = await launch();
  try {
    const signedIn = [];
    for (const [phone, email, city, device] of PEOPLE) {
      const invite_code = signedIn[0]?.user.invite_code;
      const session = await gateway.signIn(phone, { device, invite_code, locale: "en" });
      await gateway.ask("PATCH", "/v1/users/me", { token: session.access_token, body: { email, city } });
      signedIn.push(session);
    }
    const admin = await gateway.signIn(ADMIN, { device: "Laptop" });
    const { access_token: token } = admin;
    for (const [index, body] of [
      [2, { role: "moderator" }],
      [4, { status: "banned" }],
    ]) {
      await gateway.ask("PATCH", `/v1/users/${signedIn[index].user.id}`, { token, body });
    }

    const panel = await open(browser, { colorScheme: "light" });
    await panel.route("**/v1/stats*", async (route) => {
      const answer = await route.fetch();
      const { items } = await answer.json();
      items.forEach((day, index) => {
        const wave = Math.round(40 + 25 * Math.sin(index * 0.9) + 12 * Math.cos(index * 2.3) - index);
        Object.assign(day, {
          sign_ups: Math.max(2, Math.round(wave * 0.5)),
          codes_texted: wave + 20,
          codes_entered: Math.round((wave + 20) * (0.78 + 0.1 * Math.sin(index))),
          referrals: Math.max(0, Math.round(wave * 0.2)),
        });
      });
      await route.fulfill({ response: answer, json: { items, cursor: null } });
    });
    await panel.route("**/v1/users?*", async (route) => {
      const answer = await route.fetch();
      const { items, cursor } = await answer.json();
      items.forEach((user, index) => {
        user.created_at = new Date(Date.now() - (index * index * 3 + 1) * 3_600_000).toISOString();
      });
      await route.fulfill({ response: answer, json: { items, cursor } });
    });
    await panel.goto(`${gateway.url}/admin`);
    await panel.locator("input[name=phone]").fill(ADMIN);
    await panel.keyboard.press("Enter");
    await panel.locator("input[name=code]").waitFor();
    await panel.locator("input[name=code]").fill((await gateway.lastText(ADMIN)).match(/^\d+/)[0]);
    await panel.keyboard.press("Enter");
    await panel.locator("a.row").nth(PEOPLE.length).waitFor();
    await panel.locator(".bars").nth(2).waitFor();
    await panel.waitForTimeout(800);
    await panel.screenshot({ path: path("admin") });

    const inbox = await open(browser, { width: "phone", colorScheme: "light" });
    const texted = await start();
    try {
      for (const [phone, locale] of [["+79000000002", "ru"], ["+12015550123", "en"], ["+12015550123", "en"], ["+79000000003", "ru"]]) {
        await texted.ask("POST", "/v1/auth/code", { body: { phone, locale } });
      }
      await inbox.goto(`${texted.url}/local`);
      await inbox.locator("#threads h2").nth(2).waitFor();
      await inbox.waitForTimeout(800);
      await inbox.screenshot({ path: path("inbox") });
    } finally {
      await texted.stop();
    }
    for (const name of ["admin", "inbox"]) {
      const { length } = readFileSync(path(name));
      if (length > 150 * 1024) throw new Error(`${name}.png has ${length} bytes`);
    }
  } finally {
    await browser.close();
    await gateway.stop();
  }
});
