// A page of Debian's chromium at a phone's or a desktop's width, in a language,
// that writes down whatever goes wrong in it; and what axe-core thinks of it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const WIDTHS = {
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
  desktop: { viewport: { width: 1280, height: 800 } },
};

/** The browser, to be closed at the end. */
export function launch() {
  const isRoot = process.getuid() === 0;
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Its sandbox needs a user of its own.
    args: isRoot ? ["--no-sandbox"] : [],
  });
}

/**
 * A page in a context of its own. `page.wrong` lists errors of scripts, what the
 * Content-Security-Policy stopped and what the console complained of.
 */
export async function open(browser, { width = "desktop", locale = "en", ...options } = {}) {
  const context = await browser.newContext({ ...WIDTHS[width], locale, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.wrong = [];
  page.on("pageerror", (error) => page.wrong.push(`script: ${error.stack}`));
  page.on("console", (message) => {
    // The browser tells of each refusal of the API; those are what is tested.
    const refusal = /^Failed to load resource/.test(message.text()) && /\/v1\//.test(message.location().url);
    // It would have RS256, too, for authenticators that have nothing else.
    const advice = message.text().startsWith("publicKey.pubKeyCredParams is missing");
    if (["error", "warning"].includes(message.type()) && !refusal && !advice) page.wrong.push(`console: ${message.text()}`);
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy: ${event.violatedDirective} stopped ${event.blockedURI || event.sample}`),
    );
  });
  return page;
}

/** That axe-core finds nothing serious or critical, and nothing leaves the page sideways. */
export async function accessible(page, view) {
  // What is half faded in has no colour of its own yet.
  await page.waitForFunction(() =>
    document.getAnimations().every(({ effect, playState }) => playState !== "running" || effect.getTiming().iterations === Infinity),
  );
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const grave = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const said = grave.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`)}`);
  assert.deepEqual(said, [], view);
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(sideways <= 0, `${view} is ${sideways} pixels wider than the screen`);
}
