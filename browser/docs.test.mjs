// The pages that describe the API: drawn whole under their policies, and able
// to call it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WIDTHS, accessible, launch, open } from "./browser.mjs";
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
async function opened(path, width, options = {}) {
  const page = await open(browser, { width, ...options });
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
      const code = page.locator("[id$=-requestCode]");
      await code.locator(".opblock-summary-control").click();
      await code.locator(".responses-table").waitFor();
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

for (const [width, colorScheme] of [["phone", "light"], ["desktop", "dark"]]) {
  test(`the first page says what is where on a ${width}, ${colorScheme}`, async () => {
    const page = await opened("/", width, { colorScheme });
    await accessible(page, "the first page");
    for (const link of await page.locator("a").all()) {
      const answer = await page.request.get(new URL(await link.getAttribute("href"), page.url()).href);
      assert.equal(answer.status(), 200, await link.innerText());
    }
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
}

test("a slash behind a page leads to it", async () => {
  const page = await opened("/");
  for (const path of ["/docs", "/swagger", "/redoc", "/admin"]) {
    await page.goto(`${gateway.url}${path}/`);
    assert.equal(page.url(), gateway.url + path);
  }
  await page.context().close();
});

for (const width of Object.keys(WIDTHS)) {
  test(`on a ${width} no piece of code in a text reaches into another, and nothing is wider than the screen`, async () => {
    const page = await opened("/docs", width);
    await page.waitForSelector(".opblock");
    const overlaps = await page.evaluate(() => {
      const pieces = [...document.querySelectorAll(".info code")].flatMap((code) => [...code.getClientRects()]);
      const meet = (one, other) => one.left < other.right && other.left < one.right && one.top < other.bottom - 0.5 && other.top < one.bottom - 0.5;
      return pieces.flatMap((one, at) => pieces.slice(at + 1).filter((other) => meet(one, other)).map((other) => [one.top, other.top]));
    });
    assert.deepEqual(overlaps, []);
    const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= screen, `${content} of ${screen}`);
    await page.context().close();
  });
}

test("/docs is dark where the system is, and becomes so with it", async () => {
  const page = await opened("/docs", "desktop", { colorScheme: "dark" });
  await page.waitForSelector(".opblock");
  const brightness = () =>
    page.evaluate(() => {
      const sum = (color) => color.match(/\d+/g).slice(0, 3).reduce((all, part) => all + Number(part), 0);
      const { color, backgroundColor } = getComputedStyle(document.querySelector(".swagger-ui"));
      const behind = getComputedStyle(document.documentElement).backgroundColor;
      return [sum(color), Math.max(sum(backgroundColor), sum(behind))];
    });
  const [ink, paper] = await brightness();
  assert.ok(paper < 150 && ink > 500, `${ink} on ${paper}`);
  await page.emulateMedia({ colorScheme: "light" });
  await page.waitForFunction(() => !document.documentElement.classList.contains("dark-mode"));
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test("a lock is open until a token is given, and then closed; what anybody may do has none", async () => {
  const { access_token: token } = await gateway.signIn(phone(7002));
  const { paths } = await gateway.ask("GET", "/openapi.json");
  const page = await opened("/docs");
  await page.waitForSelector(".opblock");
  const operations = Object.values(paths).flatMap(Object.values);
  const count = async (state) => page.locator(`.opblock-summary .${state}`).count();
  const locks = operations.filter(({ security }) => security).length;
  assert.deepEqual([await count("unlocked"), await count("locked")], [locks, 0]);
  await page.getByRole("button", { name: "Authorize" }).first().click();
  const dialog = page.locator(".dialog-ux");
  await dialog.locator("input").fill(token);
  await dialog.getByRole("button", { name: "Apply credentials" }).click();
  await dialog.locator(".btn-done").click();
  assert.deepEqual([await count("unlocked"), await count("locked")], [0, locks]);
  await page.context().close();
});

test("/redoc has a quick start, all errors, and samples of each call in four languages", async () => {
  const page = await opened("/redoc");
  await page.waitForSelector("h1:has-text('Latchkey')");
  await page.getByText("Quick start").first().waitFor();
  const { paths, components } = await gateway.ask("GET", "/openapi.json");
  const text = await page.locator("[id='tag/Errors']").innerText();
  for (const code of Object.keys(components.examples)) assert.ok(text.includes(code), code);
  const samples = page.getByRole("tab", { name: "Kotlin" });
  await samples.first().waitFor();
  assert.equal(await samples.count(), Object.values(paths).flatMap(Object.keys).length);
  assert.equal(await page.locator("pre", { hasText: "curl $LATCHKEY/v1/auth/code --json" }).count(), 1);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test("Authorize takes a token, and Try it out calls the API with it", async () => {
  const alice = phone(7001);
  const { access_token: token } = await gateway.signIn(alice);
  const page = await opened("/docs");
  await page.getByRole("button", { name: "Authorize" }).first().click();
  const dialog = page.locator(".dialog-ux");
  await dialog.locator("input").fill(token);
  await dialog.getByRole("button", { name: "Apply credentials" }).click();
  await dialog.locator(".btn-done").click();

  const operation = page.locator("[id$=-getUser]");
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

test("two people sign in one after the other by Try it out, and write nothing but their number and their code", async () => {
  const page = await opened("/docs");
  const execute = async (operation, edit) => {
    const block = page.locator(`[id$=-${operation}]`);
    if ((await block.locator("textarea.body-param__text").count()) === 0) {
      await block.locator(".opblock-summary-control").click();
      await block.getByRole("button", { name: "Try it out" }).click();
    }
    const body = block.locator("textarea.body-param__text");
    await body.fill(JSON.stringify({ ...JSON.parse(await body.inputValue()), ...edit }));
    const [answer] = await Promise.all([
      page.waitForResponse((answer) => answer.request().method() === "POST" && answer.url().includes("/v1/auth/")),
      block.getByRole("button", { name: "Execute" }).click(),
    ]);
    return [answer.status(), await answer.json()];
  };
  for (const edit of [{}, { phone: phone(7003) }]) {
    const [asked, { phone }] = await execute("requestCode", edit);
    const code = (await gateway.lastText(phone)).match(/\d+/)[0];
    const [entered, { user }] = await execute("exchangeCode", { ...edit, code });
    assert.deepEqual([asked, entered, user.phone], [202, 200, phone]);
  }
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
    const operation = page.locator("[id$=-requestCode]");
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
