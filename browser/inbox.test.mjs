// The laptop's inbox in a real browser.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { accessible, launch, open } from "./browser.mjs";
import { phone, start } from "./gateway.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** A test with a gateway and its inbox, where nothing may go wrong in the page. */
function inbox(name, options, run) {
  test(name, { timeout: 300_000 }, async () => {
    const gateway = await start();
    const page = await open(browser, options);
    try {
      await page.goto(`${gateway.url}/local`);
      await run(page, gateway);
      assert.deepEqual(page.wrong, []);
    } finally {
      await page.context().close();
      await gateway.stop();
    }
  });
}

const ask = (gateway, to, more = {}) => gateway.ask("POST", "/v1/auth/code", { body: { phone: to, ...more } });

for (const [width, colorScheme] of [
  ["phone", "light"],
  ["desktop", "dark"],
]) {
  const permissions = ["clipboard-read", "clipboard-write"];
  inbox(`${width}: says what to do, then shows what comes, the newest first`, { width, colorScheme, permissions }, async (page, gateway) => {
    await page.getByText("No texts yet").waitFor();
    await accessible(page, "an empty inbox");
    await page.getByRole("button", { name: "Copy the command" }).click();
    assert.equal(
      await page.evaluate(() => navigator.clipboard.readText()),
      `curl ${gateway.url}/v1/auth/code --json '{"phone": "+79000000001"}'`,
    );

    await ask(gateway, phone(1), { locale: "en" });
    await page.getByRole("heading", { name: phone(1) }).waitFor();
    const { code } = await ask(gateway, phone(1), { locale: "ru" });
    await page.getByText(`${code} — код Latchkey`).first().waitFor();
    await page.getByText("1 earlier").waitFor();
    await page.getByRole("button", { name: code }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), code);
    await page.getByText("Copied").first().waitFor();

    await ask(gateway, phone(2));
    await page.getByRole("heading", { name: phone(2) }).waitFor();
    assert.deepEqual(await page.locator("#threads h2").allTextContents(), [phone(2), phone(1)]);
    // What had the keyboard has it still, and a screen reader hears of the text.
    await page.locator("button:focus", { hasText: code }).waitFor();
    await page.locator("#news", { hasText: `A text to ${phone(2)}` }).waitFor();
    await page.getByText("1 earlier").click();
    await accessible(page, "an inbox");
  });
}

inbox("a notice without a code has nothing to copy", {}, async (page, gateway) => {
  const { access_token: token } = await gateway.signIn(phone(1));
  const { code } = await gateway.ask("POST", "/v1/auth/code", { token, body: { phone: phone(2), purpose: "change_phone" } });
  await gateway.ask("PUT", "/v1/users/me/phone", { token, body: { phone: phone(2), code } });
  await page.getByText("1 earlier").waitFor();
  const thread = page.locator("section", { has: page.getByRole("heading", { name: phone(1) }) });
  assert.equal(await thread.locator(":scope > ul button").count(), 0);
});

inbox("an answer without news is empty, and a gateway that is gone is missed", {}, async (page, gateway) => {
  await ask(gateway, phone(1));
  await page.getByRole("heading", { name: phone(1) }).waitFor();
  const answer = await page.waitForResponse((answer) => answer.url().endsWith("/local/messages") && answer.status() === 304);
  assert.equal((await answer.body().catch(() => Buffer.alloc(0))).length, 0);
  await gateway.stop();
  await page.getByText("The gateway does not answer. Waiting for it.").waitFor();
  page.wrong = page.wrong.filter((wrong) => !wrong.includes("ERR_CONNECTION_REFUSED"));
});
