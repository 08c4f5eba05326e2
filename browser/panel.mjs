// The admin panel as tests use it: a page of their own, a gateway of their own, and the
// steps that many of them begin with.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, open } from "./browser.mjs";
import { ADMIN, start } from "./gateway.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** What the panel says, by language. */
export const WORDS = await words();

/** The module asks the browser for a language. */
async function words() {
  globalThis.localStorage ??= { getItem: () => null };
  Object.defineProperty(globalThis, "navigator", { value: { languages: ["en"] }, configurable: true });
  return (await import("../admin/words.js")).WORDS;
}

/**
 * A test with a gateway and a page, neither of which it need end; nothing may go wrong in
 * the page. `variables` may be a function, of what is known only then. `another(options)`
 * opens one more page, of another device.
 */
export function panel(name, options, run) {
  const { variables, ...given } = options;
  test(name, { timeout: 300_000 }, async () => {
    const gateway = await start(typeof variables === "function" ? variables() : variables);
    const opened = [];
    const another = async (more) => {
      const page = await open(browser, { ...given, ...more });
      opened.push(page);
      return page;
    };
    try {
      await run(await another(), gateway, another);
      assert.deepEqual(opened.flatMap(({ wrong }) => wrong), []);
    } finally {
      for (const page of opened) await page.context().close();
      await gateway.stop();
    }
  });
}

/** Signs in by the form, with the code from the inbox; shown is the page that was asked for. */
export async function enter(page, gateway, number = ADMIN, hash = "") {
  await page.goto(`${gateway.url}/admin${hash}`);
  await page.locator("input[name=phone]").fill(number);
  await page.keyboard.press("Enter");
  await page.locator("input[name=code]").fill(await code(page, gateway, number));
  await page.keyboard.press("Enter");
  await page.locator("input[name=code]").waitFor({ state: "detached" });
}

/** The code that was texted, once the page asks for it. */
export async function code(page, gateway, number) {
  await page.locator("input[name=code]").waitFor();
  return (await gateway.lastText(number)).match(/^\d+/)[0];
}

/** Where somebody's page is. */
export const address = (someone) => `#/users/${someone.user.id}`;

/** The button of that name. */
export const button = (page, name) => page.getByRole("button", { name, exact: true });

/** Presses Tab until `locator` has the focus, as somebody without a mouse does. */
export async function tabTo(page, locator) {
  for (let presses = 0; presses < 40; presses += 1) {
    if (await locator.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`${locator} cannot be reached by Tab`);
}
