// The pages that describe the API: drawn whole under their policies, and able
// to call it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WIDTHS, launch, open } from "./browser.mjs";
import { GUARD, phone, start } from "./gateway.mjs";

let browser;
let gateway;

before(async () => {
  [browser, gateway] = await Promise.all([launch(), start()]);
});

after(async () => {
  await browser?.close();
  await gateway?.stop();
});

/** A page that asks for nothing beyond the gateway. */
async function opened(path, width) {
  const page = await open(browser, { width });
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (!["data:", "blob:"].includes(protocol) && origin !== gateway.url) page.wrong.push(`asked ${request.url()}`);
  });
  await page.goto(gateway.url + path);
  return page;
}

for (const width of Object.keys(WIDTHS)) {
  for (const path of ["/docs", "/swagger"]) {
    test(`${path} shows every operation on a ${width}`, async () => {
      const page = await opened(path, width);
      const { paths } = await gateway.ask("GET", "/openapi.json");
      const operations = Object.values(paths).flatMap(Object.keys).length;
      await page.waitForSelector(".opblock");
      assert.equal(await page.locator(".opblock").count(), operations);
      await page.locator("#operations-auth-requestCode .opblock-summary-control").click();
      await page.waitForSelector("#operations-auth-requestCode .responses-table");
      assert.deepEqual(page.wrong, []);
      await page.context().close();
    });
  }

  test(`/redoc shows every operation on a ${width}, and finds them`, async () => {
    const page = await opened("/redoc", width);
    await page.waitForSelector("h1:has-text('Latchkey')");
    const { paths } = await gateway.ask("GET", "/openapi.json");
    const operations = Object.values(paths).flatMap(Object.keys).length;
    await page.waitForFunction(
      (operations) => document.querySelectorAll("[id*='/operation/']").length >= operations,
      operations,
    );
    if (width === "desktop") {
      await page.getByPlaceholder("Search...").fill("referrer");
      await page.waitForSelector("[data-role='search:results'] li");
    }
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
}

test("Authorize takes a token, and Try it out calls the API with it", async () => {
  const alice = phone(7001);
  const { access_token: token } = await gateway.signIn(alice);
  const page = await opened("/docs");
  await page.getByRole("button", { name: "Authorize" }).first().click();
  const dialog = page.locator(".dialog-ux");
  await dialog.locator("input").fill(token);
  await dialog.getByRole("button", { name: "Apply credentials" }).click();
  await dialog.locator(".btn-done").click();

  const operation = page.locator("#operations-users-getUser");
  await operation.locator(".opblock-summary-control").click();
  await operation.getByRole("button", { name: "Try it out" }).click();
  assert.equal(await operation.locator("input[placeholder=user_id]").inputValue(), "me");
  await operation.getByRole("button", { name: "Execute" }).click();
  const answer = operation.locator(".live-responses-table");
  await answer.waitFor();
  assert.match(await answer.innerText(), new RegExp(`200[\\s\\S]*"phone": "\\${alice}"`));
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test("Try it out makes the proof that a code takes", async () => {
  const guarded = await start({ ...GUARD });
  try {
    await guarded.flood("+7900000");
    const page = await open(browser);
    const sent = [];
    page.on("request", (request) => {
      if (request.url().endsWith("/v1/auth/code")) sent.push([request.headers()["idempotency-key"], request.postDataJSON()]);
    });
    await page.goto(`${guarded.url}/docs`);
    const operation = page.locator("#operations-auth-requestCode");
    await operation.locator(".opblock-summary-control").click();
    await operation.getByRole("button", { name: "Try it out" }).click();
    await operation.locator("textarea.body-param__text").fill(JSON.stringify({ phone: "+79000009001" }));
    await operation.locator("tr[data-param-name=Idempotency-Key] input").fill("a-key-of-this-attempt");
    await operation.getByRole("button", { name: "Execute" }).click();
    const answer = operation.locator(".live-responses-table");
    await answer.waitFor();
    assert.match(await answer.innerText(), /202[\s\S]*"challenge_id"/);
    const [[key, first], [again, { proof, ...rest }]] = sent;
    assert.equal(sent.length, 2);
    assert.deepEqual([again, rest], [key, first]);
    assert.ok(key && proof);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  } finally {
    await guarded.stop();
  }
});

test("the type of a problem leads to what it means", async () => {
  const answer = await fetch(`${gateway.url}/v1/users/me`);
  const { type, title } = await answer.json();
  const page = await open(browser);
  page.on("request", (request) => assert.ok(request.url().startsWith(gateway.url) || request.url().startsWith("data:")));
  await page.goto(type);
  const shown = page.locator(".problem:visible");
  assert.equal(await shown.count(), 1);
  assert.match(await shown.innerText(), new RegExp(title));
  await page.waitForSelector(".opblock");
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});
