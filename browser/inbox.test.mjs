// The laptop's inbox in a real browser.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { accessible, launch, open } from "./browser.mjs";
import { phone, start } from "./gateway.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** A test with a gateway and its inbox, where nothing may go wrong in the page. */
function inbox(name, { variables, ...options }, run) {
  test(name, { timeout: 300_000 }, async () => {
    const gateway = await start(variables);
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

    // The first code is void since there is a second.
    await page.getByText("1 earlier").click();
    assert.equal(await page.locator("details .over", { hasText: "This code can no longer be entered" }).count(), 1);
    assert.equal(await page.locator("details li button").count(), 0);
    await accessible(page, "a code that is void");
    await page.getByText("1 earlier").click();
    await page.getByRole("button", { name: code }).focus();

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
  const answer = await page.waitForResponse((answer) => answer.url().includes("/local/messages?") && answer.status() === 304);
  assert.equal((await answer.body().catch(() => Buffer.alloc(0))).length, 0);
  await gateway.stop();
  await page.getByText("The gateway does not answer. Waiting for it.").waitFor();
  page.wrong = page.wrong.filter((wrong) => !wrong.includes("ERR_CONNECTION_REFUSED"));
});

/** Entered, used up by guesses, and past its time. */
const ENDS = {
  entered: (gateway, to, code) => gateway.ask("POST", "/v1/auth/token", { body: { phone: to, code } }),
  "used up": async (gateway, to, code) => {
    for (let guess = 0; guess < 5; guess += 1) {
      const wrong = String((Number(code) + 1) % 10_000).padStart(4, "0");
      await assert.rejects(gateway.ask("POST", "/v1/auth/token", { body: { phone: to, code: wrong } }), /422/);
    }
  },
  expired: () => {},
};

// The shortest life that a code may have.
const SHORT = { CODE_TTL: "30" };

inbox("a code that can no longer be entered is greyed, then gone", { variables: SHORT, width: "phone" }, async (page, gateway) => {
  const ends = Object.entries(ENDS);
  for (const [index, [, end]] of ends.entries()) {
    const { code } = await ask(gateway, phone(index + 1));
    const button = page.getByRole("button", { name: code });
    await button.waitFor();
    // What has the keyboard goes, and its thread has it then.
    if (index === 0) await button.focus();
    await end(gateway, phone(index + 1), code);
    const thread = page.locator("section", { has: page.getByRole("heading", { name: phone(index + 1) }) });
    await thread.locator(".over", { hasText: "This code can no longer be entered" }).waitFor();
    assert.equal(await thread.getByRole("button").count(), 0);
    if (index === 0) await page.locator(`h2:focus`, { hasText: phone(1) }).waitFor();
  }
  await accessible(page, "greyed codes");
  await page.getByRole("heading", { name: phone(ends.length) }).waitFor({ state: "detached", timeout: 60_000 });
  await page.getByText("No texts yet").waitFor();
  assert.equal((await gateway.ask("GET", "/local/messages")).length, ends.length);
});

inbox("a number is found as it is typed, and the inbox is emptied", { width: "phone", colorScheme: "dark" }, async (page, gateway) => {
  await ask(gateway, phone(1));
  await ask(gateway, phone(2));
  const headings = page.locator("#threads h2");
  await headings.nth(1).waitFor();
  const box = page.getByRole("searchbox", { name: "Number" });
  for (const typed of [phone(2), phone(2).replace("+7", "8 "), "0002"]) {
    await box.fill(typed);
    await headings.nth(1).waitFor({ state: "detached" });
    assert.deepEqual(await headings.allTextContents(), [phone(2)], typed);
  }
  await box.fill("4242");
  await page.getByText("No texts to this number").waitFor();
  await accessible(page, "a number that nobody has");
  await page.getByRole("button", { name: "Show all" }).click();
  await headings.nth(1).waitFor();

  // By the keyboard alone: asked once, and what is asked can be turned down.
  const emptying = page.getByRole("button", { name: "Empty", exact: true });
  await emptying.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Empty the inbox?" }).waitFor();
  await accessible(page, "whether to empty it");
  await page.keyboard.press("Escape");
  await page.locator("#emptying:focus").waitFor();
  assert.equal(await headings.count(), 2);
  await page.keyboard.press("Enter");
  await page.locator("button:focus", { hasText: "Keep them" }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByText("No texts yet").waitFor();
  await page.locator("#news", { hasText: "The inbox is empty" }).waitFor();
  assert.equal((await gateway.ask("GET", "/local/messages")).length, 0);
  await ask(gateway, phone(3));
  await page.getByRole("heading", { name: phone(3) }).waitFor();
});

/** Puts texts into the tables, past the API; the newest has the number 0. */
async function fill(tables, texts) {
  const now = Date.now();
  const item = (index) => ({
    pk: { S: `inbox#${String(texts - index).padStart(8, "0")}` },
    to: { S: phone(index) },
    body: { S: `${String(index % 10_000).padStart(4, "0")} is your code for Latchkey.` },
    sent_at: { N: String(now - index) },
    ttl: { N: String(Math.floor(now / 1_000) + 86_400) },
  });
  for (let from = 0; from < texts; from += 25) {
    const CodesTable = Array.from({ length: 25 }, (_, next) => ({ PutRequest: { Item: item(from + next) } }));
    const answer = await fetch(tables, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": "DynamoDB_20120810.BatchWriteItem",
        "x-amz-date": "20261127T000000Z",
        authorization: "AWS4-HMAC-SHA256 Credential=a/20261127/eu-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
      },
      body: JSON.stringify({ RequestItems: { CodesTable } }),
    });
    assert.equal(answer.status, 200, await answer.text());
  }
}

test("ten thousand texts: the newest hundred, five hundred at most, and any by its number", { timeout: 300_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-"));
  const kept = { DATA_DIR: folder };
  const filling = await start({ ...kept, DYNAMODB_PORT: "0" });
  await fill(filling.tables, 10_000);
  await filling.stop();
  const gateway = await start(kept);
  const page = await open(browser, { width: "phone" });
  try {
    const began = Date.now();
    await page.goto(`${gateway.url}/local`);
    await page.locator("#threads section").nth(99).waitFor();
    console.log(`the first hundred are shown after ${Date.now() - began} ms`);
    const count = page.locator("#count");
    assert.equal(await count.textContent(), "The newest 100 of 10,000 texts.");
    assert.equal(await page.locator("#threads li").count(), 100);
    await accessible(page, "a hundred of ten thousand");
    for (const shown of [200, 300, 400, 500]) {
      await page.getByRole("button", { name: "Show more" }).click();
      await page.locator("#threads section").nth(shown - 1).waitFor();
      assert.equal(await page.locator("#threads li").count(), shown);
    }
    await page.locator("#count", { hasText: "The newest 500 of 10,000 texts. A number finds the others." }).waitFor();
    await page.locator("#number:focus").waitFor();
    assert.ok(!(await page.getByRole("button", { name: "Show more" }).isVisible()));

    const drawn = await page.evaluate(() => document.querySelectorAll("*").length);
    assert.ok(drawn < 6_000, `${drawn} elements`);
    await page.getByRole("searchbox").fill("9999");
    await page.locator("#threads section").nth(1).waitFor({ state: "detached" });
    assert.deepEqual(await page.locator("#threads h2").allTextContents(), [phone(9_999)]);
    await page.getByRole("searchbox").fill("");

    const { code } = await ask(gateway, "+447911123456");
    await page.getByRole("button", { name: code }).waitFor();
    assert.deepEqual(page.wrong, []);
  } finally {
    await page.context().close();
    await gateway.stop();
    rmSync(folder, { recursive: true });
  }
});
