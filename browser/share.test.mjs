// The page behind a share link, as people meet it on phones and computers.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { accessible, launch, open } from "./browser.mjs";
import { start } from "./gateway.mjs";

const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";

const LINKS = {
  APP_LINK_IOS: "https://apps.apple.com/app/id123456789",
  APP_LINK_ANDROID: "https://play.google.com/store/apps/details?id=com.example&referrer={invite_code}",
  APP_LINK_WEB: "https://example.com/join?code={invite_code}",
};

let browser;
let gateway;
before(async () => {
  browser = await launch();
  gateway = await start(LINKS);
});
after(async () => {
  await browser.close();
  await gateway.stop();
});

/** A test with a page, in which nothing may go wrong. */
function share(name, options, run) {
  test(name, { timeout: 300_000 }, async () => {
    const page = await open(browser, options);
    try {
      await run(page);
      assert.deepEqual(page.wrong, []);
    } finally {
      await page.context().close();
    }
  });
}

const SAYS = {
  en: { title: "You are invited to Latchkey", copy: "Copy the code", copied: "Copied", broken: "There is a mistake in this link" },
  ru: { title: "Вас приглашают в Latchkey", copy: "Скопировать код", copied: "Скопировано", broken: "В ссылке ошибка" },
};

for (const locale of ["en", "ru"]) {
  for (const [width, colorScheme] of [
    ["phone", "light"],
    ["phone", "dark"],
    ["desktop", "light"],
    ["desktop", "dark"],
  ]) {
    const says = SAYS[locale];
    const permissions = ["clipboard-read", "clipboard-write"];
    share(`${locale}, ${width}, ${colorScheme}: the code is seen, copied and taken to the app`, { locale, width, colorScheme, permissions }, async (page) => {
      await page.goto(`${gateway.url}/i/k5j3rw`);
      await page.getByRole("heading", { name: says.title }).waitFor();
      assert.equal(await page.title(), says.title);
      assert.equal(await page.locator(".code").textContent(), "K5J3RW");
      await accessible(page, "an invitation");
      await page.getByRole("button", { name: says.copy }).click();
      await page.getByRole("button", { name: says.copied }).waitFor();
      await page.getByRole("status").getByText(says.copied).waitFor();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "K5J3RW");
      await accessible(page, "an invitation whose code is copied");
      await page.getByRole("button", { name: says.copy }).waitFor();

      const answer = await page.goto(`${gateway.url}/i/K5J3R`).finally(forgive(page));
      assert.equal(answer.status(), 404);
      await page.getByRole("heading", { name: says.broken }).waitFor();
      await accessible(page, "a link that is not whole");
    });
  }
}

share("an iPhone is led to its own store", { width: "phone", userAgent: IPHONE }, async (page) => {
  await page.goto(`${gateway.url}/i/K5J3RW`);
  const names = await page.getByRole("link").allTextContents();
  assert.deepEqual(names, ["Open on iPhone", "Open in the browser"]);
  assert.equal(await page.getByRole("link").first().getAttribute("href"), LINKS.APP_LINK_IOS);
});

share("where there is no clipboard, the code is copied all the same", { permissions: ["clipboard-read"] }, async (page) => {
  // As over plain HTTP from another machine.
  await page.addInitScript(() => {
    globalThis.reader = navigator.clipboard;
    Object.defineProperty(Navigator.prototype, "clipboard", { value: undefined });
  });
  await page.goto(`${gateway.url}/i/K5J3RW`);
  await page.getByRole("button", { name: SAYS.en.copy }).click();
  await page.getByRole("button", { name: SAYS.en.copied }).waitFor();
  assert.equal(await page.evaluate(() => globalThis.reader.readText()), "K5J3RW");
});

share("where nothing copies, the code is selected", {}, async (page) => {
  await page.addInitScript(() => {
    Object.defineProperty(Navigator.prototype, "clipboard", { value: undefined });
    Document.prototype.execCommand = () => false;
  });
  await page.goto(`${gateway.url}/i/K5J3RW`);
  await page.getByRole("button", { name: SAYS.en.copy }).click();
  assert.equal(await page.evaluate(() => getSelection().toString()), "K5J3RW");
  await page.getByRole("button", { name: SAYS.en.copy }).waitFor();
});

share("without scripts there is no button that does nothing", { javaScriptEnabled: false, locale: "en" }, async (page) => {
  await page.goto(`${gateway.url}/i/K5J3RW`);
  await page.getByRole("heading", { name: SAYS.en.title }).waitFor();
  assert.equal(await page.getByRole("button").count(), 0);
  assert.equal(await page.getByRole("link").count(), 3);
});

/** The browser tells of the 404 that was asked for. */
function forgive(page) {
  return () => {
    page.wrong = page.wrong.filter((wrong) => !wrong.includes("status of 404"));
  };
}
