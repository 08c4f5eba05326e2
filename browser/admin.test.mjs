// The admin panel in a real browser.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { describe, test } from "node:test";

import { accessible } from "./browser.mjs";
import { ADMIN, GUARD, imported, phone, start } from "./gateway.mjs";
import { WORDS, address, button, code, enter, panel, tabTo } from "./panel.mjs";

const HOSTILE = `<img src=x onerror="globalThis.pwned=1">`;

/** What may not happen yet: `over` waits for `end`. */
function hold() {
  let end;
  const over = new Promise((resolve) => (end = resolve));
  return { over, end };
}

/** What of the rows is cut, or lies on something else of its row. */
function overlapping(page) {
  return page.evaluate(() => {
    const found = [];
    for (const row of document.querySelectorAll("a.row")) {
      const parts = [...row.querySelectorAll(".phone, .code, .about, .badge, .when")];
      const boxes = parts.map((part) => [part.textContent, part.getBoundingClientRect(), part]);
      for (const [at, [text, box, part]] of boxes.entries()) {
        const cut = part.matches(".phone, .code") && (part.scrollWidth > Math.ceil(box.width) || getComputedStyle(part).overflow !== "visible");
        if (cut || box.right > row.getBoundingClientRect().right) found.push(`${text} is cut`);
        for (const [other, next] of boxes.slice(at + 1)) {
          const apart = box.right <= next.left || next.right <= box.left || box.bottom <= next.top || next.bottom <= box.top;
          if (!apart) found.push(`${text} lies on ${other}`);
        }
      }
    }
    return found;
  });
}

/** `count` people, the first of whom invited the others. */
async function people(gateway, count, more = {}) {
  const all = [await gateway.signIn(phone(1), more)];
  const invite_code = all[0].user.invite_code;
  for (let number = 2; number <= count; number += 1) {
    all.push(await gateway.signIn(phone(number), { invite_code, ...more }));
  }
  return all;
}

// Each spends its time waiting: for pages, for people who read, for answers that are late.
describe("the admin panel", { concurrency: 3 }, () => {
  describe("every view is accessible and fits", () => {
    for (const [width, locale, colorScheme] of [
      ["phone", "en", "light"],
      ["phone", "ru", "dark"],
      ["desktop", "en", "dark"],
      ["desktop", "ru", "light"],
    ]) {
      panel(`${width}, ${locale}, ${colorScheme}`, { width, locale, colorScheme }, async (page, gateway) => {
        const say = WORDS[locale];
        const [alice, bob] = await people(gateway, 3, { device: "Pixel 8" });
        const admin = await gateway.signIn(ADMIN);
        await gateway.ask("PATCH", `/v1/users/${bob.user.id}`, {
          token: admin.access_token,
          body: { status: "banned", role: "moderator", city: "Новосибирск", email: `${"long".repeat(20)}@example.com` },
        });
        await page.goto(`${gateway.url}/admin`);
        await page.getByLabel(say.phone, { exact: true }).waitFor();
        assert.equal(await page.locator("html").getAttribute("lang"), locale);
        await accessible(page, "sign-in");
        await page.locator("input[name=phone]").fill("123");
        await page.keyboard.press("Enter");
        await page.getByText(say.problems.invalid_phone).waitFor();
        await accessible(page, "sign-in, refused");
        await page.locator("input[name=phone]").fill(ADMIN);
        await page.keyboard.press("Enter");
        const right = await code(page, gateway, ADMIN);
        await page.locator("input[name=code]").fill(right === "0000" ? "1111" : "0000");
        await page.keyboard.press("Enter");
        await page.getByText(say.problems.invalid_code).waitFor();
        await accessible(page, "code, refused");
        await page.locator("input[name=code]").fill(right);
        await page.keyboard.press("Enter");
        await page.locator("a.row").nth(3).waitFor();
        await page.locator(".bars").nth(2).waitFor();
        await accessible(page, "users");

        await page.getByRole("searchbox").fill(phone(99));
        await page.keyboard.press("Enter");
        await page.getByText(say.none_found, { exact: true }).waitFor();
        await accessible(page, "nobody found");

        for (const someone of [alice, bob]) {
          await page.goto(`${gateway.url}/admin${address(someone)}`);
          await page.locator(".invite-code").waitFor();
          await page.locator("[data-rights]").waitFor();
          await page.waitForFunction(() => !document.body.classList.contains("is-busy"));
          await accessible(page, "a person");
        }
        await button(page, say.delete).click();
        await page.getByRole("dialog").waitFor();
        await accessible(page, "deletion");
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });

        await page.goto(`${gateway.url}/admin#/users/nobody`);
        await page.getByText(say.problems.user_not_found).waitFor();
        await accessible(page, "no such person");
      });
    }
  });

  for (const [width, size] of [
    ["phone", { width: 390, height: 844 }],
    ["phone", { width: 320, height: 640 }],
    ["desktop", { width: 1280, height: 800 }],
  ]) {
    panel(`rows are told apart and columns have heads in Russian, ${size.width} wide`, { width, viewport: size, locale: "ru" }, async (page, gateway) => {
      const say = WORDS.ru;
      const [, bob] = await people(gateway, 3);
      const admin = await gateway.signIn(ADMIN);
      const { access_token: token } = admin;
      await gateway.ask("PATCH", `/v1/users/${bob.user.id}`, {
        token,
        body: { status: "banned", role: "moderator", email: `${"long".repeat(12)}@example.com` },
      });
      // Times that take the most room.
      await page.route("**/v1/users?*", async (route) => {
        const answer = await route.fetch();
        const { items, cursor } = await answer.json();
        items.forEach((user, index) => {
          user.created_at = new Date(Date.now() - (index % 2 ? 33 * 60_000 : 40 * 86_400_000)).toISOString();
        });
        await route.fulfill({ response: answer, json: { items, cursor } });
      });
      await enter(page, gateway);
      await page.locator("a.row").nth(3).waitFor();
      const numbers = page.locator("a.row .phone");
      assert.equal((await numbers.allInnerTexts()).filter((number) => /^\+7\d{10}$/.test(number)).length, 4);
      assert.deepEqual(await overlapping(page), [], "nothing is cut, and nothing lies on another");
      for (const head of [say.phone, say.invite]) assert.ok(await page.locator(".heads").getByText(head, { exact: true }).isVisible());
      for (const head of [say.role_and_status, say.signed_up]) {
        assert.equal(await page.locator(".heads").getByText(head, { exact: true }).isVisible(), width === "desktop");
      }
      if (width === "desktop") {
        const left = (place) => place.evaluate((element) => element.getBoundingClientRect().left);
        for (const column of ["code", "badges"]) {
          assert.equal(await left(page.locator(`.heads .${column}`)), await left(page.locator(`a.row .${column}`).first()), column);
        }
      }
      const circles = page.locator("a.row .portrait");
      assert.deepEqual(new Set(await circles.allInnerTexts()), new Set([""]), "a circle counts nothing");
      assert.equal(await circles.locator("svg").count(), 4);
      await accessible(page, "users");
    });
  }

  panel("by keyboard alone: sign in, find, ban", {}, async (page, gateway) => {
    const [alice] = await people(gateway, 2);
    await page.goto(`${gateway.url}/admin`);
    await page.locator("input[name=phone]:focus").waitFor();
    await page.keyboard.type("8 900 000-00-01");
    await page.keyboard.press("Enter");
    const right = await code(page, gateway, ADMIN);
    await page.locator("input[name=code]:focus").waitFor();
    await page.keyboard.type(right);
    await page.keyboard.press("Enter");
    await page.locator("h1:focus", { hasText: "Users" }).waitFor();

    await tabTo(page, page.getByRole("searchbox"));
    await page.keyboard.type(alice.user.invite_code.toLowerCase());
    await page.keyboard.press("Enter");
    await page.getByText("1 in all").waitFor();
    await tabTo(page, page.getByRole("link", { name: alice.user.phone }));
    await page.keyboard.press("Enter");
    await page.locator("h1:focus", { hasText: alice.user.phone }).waitFor();
    await button(page, "Ban").waitFor();
    await tabTo(page, button(page, "Ban"));
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: `Ban ${alice.user.phone}?` });
    await dialog.waitFor();
    await tabTo(page, dialog.getByRole("button", { name: "Ban" }));
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    await page.locator("h2:focus", { hasText: "Rights" }).waitFor();
    await page.getByRole("status").getByText("Banned, and signed out everywhere.").waitFor();
    await assert.rejects(gateway.ask("GET", "/v1/users/me", { token: alice.access_token }), /account_banned/);

    // The list knows it too, without asking.
    await page.goBack();
    await page.locator("a.row .banned").waitFor();
  });

  for (const locale of ["en", "ru"]) {
    panel(`a proof that signing in takes is made by itself, ${locale}`, { variables: GUARD, width: "phone", locale }, async (page, gateway) => {
      await gateway.flood("+7900000");
      const asked = [];
      await page.route("**/v1/auth/code", async (route) => {
        const request = route.request().postDataJSON();
        asked.push(request);
        if (request.proof) {
          await page.locator("form").getByText(WORDS[locale].proving).waitFor();
          await accessible(page, "a proof under way");
        }
        await route.continue();
      });
      await enter(page, gateway);
      await page.locator("a.row").first().waitFor();
      assert.equal(asked.length, 2);
      const { proof, ...rest } = asked[1];
      assert.deepEqual(rest, asked[0]);
      assert.ok(proof);
    });
  }

  panel("who changes the language during a proof goes on in the other", { variables: GUARD }, async (page, gateway) => {
    await gateway.flood("+7900000");
    await page.route("**/v1/auth/code", async (route) => {
      if (route.request().postDataJSON().proof) await page.getByRole("button", { name: "RU" }).click();
      await route.continue();
    });
    await page.goto(`${gateway.url}/admin`);
    await page.locator("input[name=phone]").fill(ADMIN);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Введите код" }).waitFor();
  });

  panel("a proof that is refused is told, and another try makes another", { variables: GUARD }, async (page, gateway) => {
    await gateway.flood("+7900000");
    let spoilt = 0;
    await page.route("**/v1/auth/code", async (route) => {
      const request = route.request().postDataJSON();
      if (!request.proof || spoilt > 0) return route.continue();
      spoilt += 1;
      return route.continue({ postData: JSON.stringify({ ...request, proof: "e30=" }) });
    });
    await page.goto(`${gateway.url}/admin`);
    await page.locator("input[name=phone]").fill(ADMIN);
    await page.keyboard.press("Enter");
    await page.getByText(WORDS.en.problems.proof_required).waitFor();
    await page.keyboard.press("Enter");
    await page.locator("input[name=code]").waitFor();
  });

  for (const [width, locale, colorScheme] of [
    ["phone", "ru", "dark"],
    ["desktop", "en", "light"],
  ]) {
    panel(`an admin sees where texts are short, and opens it: ${width}, ${locale}`, { variables: { ...GUARD, TEXTS_PER_DAY: "1000" }, width, locale, colorScheme }, async (page, gateway) => {
      const say = WORDS[locale];
      await enter(page, gateway, ADMIN, "#/guard");
      await page.getByText(say.no_places).waitFor();
      await accessible(page, "no short places");
      await gateway.flood("+7913000");
      await gateway.flood("+7914000");
      await gateway.prove("+79140009001");
      await gateway.prove("+79140009002");
      await assert.rejects(gateway.ask("POST", "/v1/auth/code", { body: { phone: "+79140009003" } }), /texts_paused/);
      await button(page, say.refresh).click();
      const rows = page.locator(".lines > li");
      await rows.nth(1).waitFor();
      assert.equal(await rows.count(), 2);
      const [short, paused] = [rows.filter({ hasText: "+7913000" }), rows.filter({ hasText: "+7914000" })];
      await short.getByText(say.state_proof_required).waitFor();
      await short.getByText(say.reason_unentered).waitFor();
      await paused.getByText(say.state_paused).waitFor();
      await paused.getByText(say.reason_spent, { exact: false }).waitFor();
      assert.equal(await page.locator(".figure strong").first().textContent(), "15");
      assert.equal(await page.locator("nav [aria-current]").textContent(), say.guard);
      await accessible(page, "short places");

      const open = paused.getByRole("button");
      await tabTo(page, open);
      await page.keyboard.press("Enter");
      const dialog = page.getByRole("dialog", { name: say.open_title.replace("{place}", "+7914000…") });
      await accessible(page, "a place to be opened");
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      assert.equal(await rows.count(), 2);
      await page.keyboard.press("Enter");
      await tabTo(page, dialog.getByRole("button", { name: say.open, exact: true }));
      await page.keyboard.press("Enter");
      await paused.waitFor({ state: "detached" });
      await page.locator("h2:focus", { hasText: say.places }).waitFor();
      await page.getByRole("status").getByText(say.opened.replace("{place}", "+7914000…")).waitFor();
      // An instance says for a second what it has just seen.
      await page.waitForTimeout(1_000);
      await gateway.ask("POST", "/v1/auth/code", { body: { phone: "+79140009003" } });
      await button(page, say.refresh).click();
      await short.waitFor();
      assert.equal(await rows.count(), 1);
    });
  }

  panel("a moderator sees where texts are short, page by page, and opens nothing", { variables: GUARD }, async (page, gateway) => {
    const [admin, alice] = [await gateway.signIn(ADMIN), await gateway.signIn(phone(1))];
    await gateway.ask("PATCH", `/v1/users/${alice.user.id}`, { token: admin.access_token, body: { role: "moderator" } });
    for (let block = 10; block < 24; block += 1) await gateway.flood(`+79${block}000`);
    // The pages of a list that is fifty times as long.
    await page.route("**/v1/guard*", (route) => route.continue({ url: route.request().url().replace("limit=50", "limit=1") }));
    await enter(page, gateway, alice.user.phone);
    await page.getByRole("link", { name: "Guard" }).click();
    await page.locator("h1:focus", { hasText: "Guard" }).waitFor();
    await page.getByText("12 shown").waitFor();
    await button(page, "Show more").click();
    await page.getByText("14 in all").waitFor();
    await page.locator(".place:focus", { hasText: "+7922000" }).waitFor();
    assert.deepEqual(await page.locator("main").getByRole("button").allTextContents(), [""], "to refresh it");
    await page.getByRole("link", { name: "Users" }).click();
    await page.getByText("2 in all").waitFor();
  });

  panel("a guard that is off says so, and a country has a name", {}, async (page, gateway) => {
    await enter(page, gateway, ADMIN, "#/guard");
    await page.getByText(WORDS.en.guard_off).waitFor();
    const country = { width: "country", state: "proof_required", reason: "unentered", texts_left: 0, proofs_left: 0, texts_sent: 0, opens_at: "2026-11-27T00:00:00Z" };
    await page.route("**/v1/guard*", async (route) => {
      const answer = await route.fetch();
      const items = ["none", "KZ"].map((of) => ({ ...country, of, place: `country-${of}` }));
      await route.fulfill({ response: answer, json: { ...(await answer.json()), is_on: true, items } });
    });
    await button(page, "Refresh").click();
    await button(page, "Open Kazakhstan").waitFor();
    await button(page, "Open Numbers of no country").waitFor();
    assert.equal(await page.getByText(WORDS.en.guard_off).count(), 0);
  });

  for (const [width, locale, colorScheme] of [
    ["phone", "ru", "dark"],
    ["desktop", "en", "light"],
  ]) {
    panel(`an admin bans with a reason, and sees who did what: ${width}, ${locale}`, { width, locale, colorScheme }, async (page, gateway) => {
      const say = WORDS[locale];
      const alice = await gateway.signIn(phone(1));
      await enter(page, gateway, ADMIN, "#/audit");
      await page.getByText(say.audit_none, { exact: true }).waitFor();
      await accessible(page, "nothing on record");
      await page.goto(`${gateway.url}/admin${address(alice)}`);
      const ban = button(page, say.ban);
      await ban.waitFor();
      await tabTo(page, ban);
      await page.keyboard.press("Enter");
      const dialog = page.getByRole("dialog", { name: say.ban_title.replace("{phone}", phone(1)) });
      await accessible(page, "a ban with a reason");
      await page.keyboard.type("Sold codes");
      await page.keyboard.press("Enter");
      await dialog.waitFor({ state: "detached" });
      // On the person's own page, with the reason.
      const card = page.locator("section.card", { has: page.getByRole("heading", { name: say.audit_of, exact: true }) });
      await card.getByText(say.act_banned, { exact: true }).waitFor();
      await card.getByText(say.audit_reason.replace("{reason}", "Sold codes")).waitFor();
      await accessible(page, "a person on record");

      await page.getByRole("link", { name: say.audit, exact: true }).click();
      await page.locator("h1:focus", { hasText: say.audit }).waitFor();
      assert.equal(await page.locator("nav [aria-current]").textContent(), say.audit);
      const rows = page.locator(".lines > li");
      await rows.first().waitFor();
      assert.equal(await rows.count(), 1);
      assert.match(await rows.first().textContent(), /Sold codes/);
      await rows.first().getByRole("link", { name: alice.user.id }).waitFor();
      await accessible(page, "the audit trail");

      // Of one day, by the keyboard; then all again.
      await page.locator("input[name=day]").fill("2020-01-31");
      await page.locator("input[name=target]").fill(alice.user.id);
      await page.keyboard.press("Enter");
      await page.getByText(say.audit_none_found).waitFor();
      assert.match(page.url(), /day=2020-01-31/);
      await accessible(page, "nothing found on record");
      await button(page, say.clear).click();
      await page.getByText("Sold codes", { exact: false }).waitFor();
    });
  }

  for (const [width, locale] of [
    ["phone", "ru"],
    ["desktop", "en"],
  ]) {
    panel(`an admin begins and stops the move of a lost number: ${width}, ${locale}`, { width, locale }, async (page, gateway) => {
      const say = WORDS[locale];
      const [alice, bob] = [await gateway.signIn(phone(1)), await gateway.signIn(phone(2))];
      await enter(page, gateway, ADMIN, address(alice));
      const card = page.locator("section.card", { has: page.getByRole("heading", { name: say.lost_number, exact: true }) });
      const field = card.locator("input[name=new_phone]");
      await field.waitFor();
      await tabTo(page, field);
      await page.keyboard.type(bob.user.phone);
      await page.keyboard.press("Enter");
      await card.getByRole("alert").getByText(say.problems.phone_taken).waitFor();
      await field.fill("+79000000006");
      await page.keyboard.press("Enter");
      await card.getByText(say.recovery_to.replace("{phone}", "+79000000006")).waitFor();
      await page.locator("h2:focus", { hasText: say.lost_number }).waitFor();
      await accessible(page, "a move that was begun");
      const stop = card.getByRole("button", { name: say.stop_recovery, exact: true });
      await tabTo(page, stop);
      await page.keyboard.press("Enter");
      await card.locator("input[name=new_phone]").waitFor();
      await page.getByRole("status").getByText(say.recovery_stopped).waitFor();
      await accessible(page, "no move");
    });
  }

  panel("the audit trail goes on page by page, and is not a moderator's", {}, async (page, gateway) => {
    const [admin, alice] = [await gateway.signIn(ADMIN), await gateway.signIn(phone(1))];
    const token = admin.access_token;
    for (let n = 0; n < 30; n += 1) {
      const role = n % 2 === 0 ? "moderator" : "user";
      await gateway.ask("PATCH", `/v1/users/${alice.user.id}`, { token, body: { role } });
    }
    await page.route("**/v1/audit*", (route) => route.continue({ url: route.request().url().replace("limit=50", "limit=20") }));
    await enter(page, gateway, ADMIN, "#/audit");
    await page.getByText("20 shown").waitFor();
    await button(page, "Show more").click();
    await page.getByText("30 in all").waitFor();
    await page.locator(".place:focus", { hasText: "Role changed" }).waitFor();
    await gateway.ask("PATCH", `/v1/users/${alice.user.id}`, { token, body: { role: "moderator" } });
    await button(page, "Sign out").click();
    await enter(page, gateway, phone(1), "#/audit");
    await page.locator("h1", { hasText: "Users" }).waitFor();
    assert.equal(await page.getByRole("link", { name: "Audit trail" }).count(), 0);
  });

  panel("a long list goes on to the end, and going back keeps the place", {}, async (page, gateway) => {
    const all = await people(gateway, 150);
    await enter(page, gateway);
    const rows = page.locator("a.row");
    await button(page, "Show more").waitFor();
    assert.equal(await rows.count(), 50);
    await button(page, "Show more").click();
    await page.getByText("100 shown").waitFor();
    await page.locator("button:focus", { hasText: "Show more" }).waitFor();
    await button(page, "Show more").click();
    await page.getByText("150 shown").waitFor();
    await button(page, "Show more").click();
    await page.getByText("151 in all").waitFor();
    const phones = await page.locator("a.row .phone").allTextContents();
    assert.equal(new Set(phones).size, 151);
    assert.deepEqual(phones.slice(1), all.map(({ user }) => user.phone).reverse(), "newest first");

    let asked = 0;
    page.on("request", (request) => (asked += /\/v1\/users(\?|$)/.test(request.url()) ? 1 : 0));
    await rows.nth(120).click();
    await page.locator("h1", { hasText: phones[120] }).waitFor();
    await page.goBack();
    await page.getByText("151 in all").waitFor();
    assert.equal(asked, 0);
    const place = await rows.nth(120).boundingBox();
    assert.ok(place.y > 0 && place.y < 800, `the row is at ${place.y}`);

    // The first invited the other 149, twenty at a time.
    await page.goto(`${gateway.url}/admin${address(all[0])}`);
    await page.getByText("20 / 149").waitFor();
    for (let shown = 40; shown < 149; shown += 20) {
      await button(page, "Show more").click();
      await page.getByText(`${shown} / 149`).waitFor();
    }
    await button(page, "Show more").click();
    await page.getByText("149 in all").waitFor();
    await accessible(page, "many referrals");
  });

  panel("an empty deployment, and a person without anything, say so", {}, async (page, gateway) => {
    await enter(page, gateway);
    await page.getByText("1 in all").waitFor();
    await page.getByLabel("Role").selectOption("moderator");
    await button(page, "Find").click();
    await page.getByText("Nobody found").waitFor();
    await button(page, "Clear").click();
    await page.getByRole("link", { name: ADMIN }).click();
    await page.getByText("Nobody has entered this person’s code.").waitFor();
    await page.getByText("This is your own account.").waitFor();
    assert.equal(await button(page, "Delete the account").count(), 0);
    // Somebody signed out everywhere.
    const alice = await gateway.signIn(phone(1));
    await gateway.ask("POST", "/v1/auth/logout", { token: alice.access_token, body: { scope: "global" } });
    await page.goto(`${gateway.url}/admin${address(alice)}`);
    await page.getByText("Not signed in anywhere.").waitFor();
  });

  panel("on a slow network it shows that it works, and sends once", {}, async (page, gateway) => {
    const asked = [];
    // Each answer waits until the test has seen what stands there meanwhile, on however slow a machine.
    let held = hold();
    await page.route("**/v1/**", async (route) => {
      asked.push(`${route.request().method()} ${new URL(route.request().url()).pathname}`);
      await held.over;
      await route.continue();
    });
    await page.goto(`${gateway.url}/admin`);
    await page.locator("input[name=phone]").fill(ADMIN);
    const send = button(page, "Text me a code");
    await send.click();
    await page.locator("main[aria-busy=true]").waitFor();
    assert.equal(await send.getAttribute("aria-disabled"), "true");
    await send.click({ force: true });
    await page.keyboard.press("Enter");
    held.end();
    const texted = await code(page, gateway, ADMIN);
    held = hold();
    await page.locator("input[name=code]").fill(texted);
    await page.keyboard.press("Enter");
    await page.locator("main[aria-busy=true]").waitFor();
    await page.keyboard.press("Enter");
    held.end();
    held = hold();
    await page.locator(".skeleton").first().waitFor();
    held.end();
    await page.locator("a.row").first().waitFor();
    assert.equal(asked.filter((one) => one === "POST /v1/auth/code").length, 1);
    assert.equal(asked.filter((one) => one === "POST /v1/auth/token").length, 1);
    await page.locator("main[aria-busy=false]").waitFor();
  });

  describe("an access token past its time", () => {
    const expired = JSON.stringify({ status: 401, code: "invalid_token", title: "x" });

    panel("is replaced once, however many requests meet it", {}, async (page, gateway) => {
      await enter(page, gateway);
      await page.locator("a.row").first().waitFor();
      const old = new Set();
      let refreshes = 0;
      await page.route("**/v1/**", async (route) => {
        const request = route.request();
        const token = request.headers().authorization;
        if (request.url().endsWith("/v1/auth/refresh")) refreshes += 1;
        if (refreshes === 0 && token) {
          old.add(request.url());
          await route.fulfill({ status: 401, contentType: "application/problem+json", body: expired });
        } else await route.continue();
      });
      await button(page, "Refresh").click();
      await page.locator(".bars").nth(2).waitFor();
      await page.locator("a.row").first().waitFor();
      assert.equal(old.size, 2, "the list and the numbers met it");
      assert.equal(refreshes, 1);
    });

    panel("is replaced although the first answer was lost", { variables: { REFRESH_GRACE: "30" } }, async (page, gateway) => {
      await enter(page, gateway);
      await page.locator("a.row").first().waitFor();
      let lost = 0;
      await page.route("**/v1/auth/refresh", async (route) => {
        if (lost > 0) return route.continue();
        lost += 1;
        await route.fetch();
        return route.abort("connectionreset");
      });
      await page.reload();
      await page.locator("a.row").first().waitFor();
      assert.equal(lost, 1);
    });

    // Without grace a token that was replaced and is sent again ends the session.
    panel("is replaced in several tabs, one after the other and at once", { variables: { REFRESH_GRACE: "0" } }, async (page, gateway) => {
      await enter(page, gateway);
      await page.locator("a.row").first().waitFor();
      const tabs = [page, await page.context().newPage(), await page.context().newPage()];
      for (const tab of tabs.slice(1)) await tab.goto(`${gateway.url}/admin`);
      for (const tab of [...tabs, ...tabs]) {
        await tab.reload();
        await tab.locator("a.row").first().waitFor();
      }
      for (let time = 0; time < 3; time += 1) {
        await Promise.all(tabs.map((tab) => tab.reload()));
        for (const tab of tabs) await tab.locator("a.row").first().waitFor();
      }
      const admin = await gateway.signIn(ADMIN);
      const { items } = await gateway.ask("GET", "/v1/users/me/sessions", { token: admin.access_token });
      assert.equal(items.length, 2, "the tabs have one, and this is the other");
    });
  });

  describe("one session for all tabs", () => {
    const texts = async (gateway) => (await gateway.ask("GET", "/local/messages")).length;
    const isSignedOut = (tab) => tab.locator("input[name=phone]").waitFor();

    panel("a new tab is signed in without a text, and signing out ends both", {}, async (page, gateway) => {
      const [alice] = await people(gateway, 1);
      await enter(page, gateway);
      await page.locator("a.row").first().waitFor();
      const before = await texts(gateway);
      const tab = await page.context().newPage();
      await tab.goto(`${gateway.url}/admin${address(alice)}`);
      await tab.locator("h1", { hasText: alice.user.phone }).waitFor();
      assert.equal(await texts(gateway), before);
      await button(tab, "Sign out").last().click();
      await isSignedOut(tab);
      await isSignedOut(page);
      await page.getByText(WORDS.en.problems.session_ended).waitFor();
      for (const each of [page, tab]) {
        assert.equal(await each.evaluate(() => sessionStorage.length), 0);
        assert.equal(await each.evaluate(() => localStorage.getItem("latchkey.session")), null);
        await each.reload();
        await isSignedOut(each);
      }
    });

    panel("it ends with the last tab, and what stays opens nothing", {}, async (page, gateway) => {
      await enter(page, gateway);
      await page.locator("a.row").first().waitFor();
      const context = page.context();
      const tab = await context.newPage();
      await tab.goto(`${gateway.url}/admin`);
      await tab.locator("a.row").first().waitFor();
      await page.close();
      const third = await context.newPage();
      await third.goto(`${gateway.url}/admin`);
      await third.locator("a.row").first().waitFor();
      await tab.close();
      await third.reload();
      await third.locator("a.row").first().waitFor();
      const kept = () => JSON.stringify(localStorage);
      assert.doesNotMatch(await third.evaluate(kept), /lkr\.|eyJ/, "no token in the clear");
      const other = await context.newPage();
      await third.close();
      await other.goto(`${gateway.url}/admin`);
      await isSignedOut(other);
      assert.match(await other.evaluate(kept), /latchkey\.session/);
      // Signing in goes on from there as ever.
      await enter(other, gateway);
      await other.locator("a.row").first().waitFor();
      await other.reload();
      await other.locator("a.row").first().waitFor();
    });

    panel("whoever signs in anew does so in all tabs", {}, async (page, gateway) => {
      const [alice] = await people(gateway, 1);
      await enter(page, gateway);
      const tab = await page.context().newPage();
      await tab.goto(`${gateway.url}/admin${address(alice)}`);
      await button(tab, "Ban").waitFor();
      // The next deed of this tab takes a fresh sign-in, which ends the session of before.
      let asked = 0;
      await tab.route(`**/v1/users/${alice.user.id}`, async (route) => {
        if (route.request().method() !== "PATCH" || asked > 0) return route.continue();
        asked += 1;
        const problem = { status: 403, code: "recent_sign_in_required", title: "t", detail: "d", type: "u", request_id: "r" };
        return route.fulfill({ status: 403, contentType: "application/problem+json", body: JSON.stringify(problem) });
      });
      await button(tab, "Ban").click();
      await tab.getByRole("dialog").getByRole("button", { name: "Ban" }).click();
      await tab.locator("input[name=phone]").waitFor();
      await tab.keyboard.press("Enter");
      await tab.locator("input[name=code]").fill(await code(tab, gateway, ADMIN));
      await tab.keyboard.press("Enter");
      await tab.getByText("Banned, and signed out everywhere.").waitFor();
      await button(page, "Refresh").click();
      await page.getByText("2 in all").waitFor();
    });
  });

  for (const [width, locale, colorScheme] of [
    ["phone", "ru", "light"],
    ["desktop", "en", "dark"],
  ]) {
    panel(`why a number gets no code is one answer, and an admin lifts what holds it up: ${width}, ${locale}`, { variables: { ...GUARD, RESEND_COOLDOWN: "600" }, width, locale, colorScheme }, async (page, gateway) => {
      const say = WORDS[locale];
      const [, bob] = await people(gateway, 2);
      await enter(page, gateway, ADMIN, "#/support");
      await page.locator("[role=search] input").fill("8 901 000-00-02");
      await page.keyboard.press("Enter");
      await page.locator("h2.phone", { hasText: phone(2) }).waitFor();
      await page.getByText(say.kind_mobile, { exact: true }).waitFor();
      await page.locator(".badge.live", { hasText: say.outcome_entered }).waitFor();
      await page.getByText(say.limit_cooldown).waitFor();
      assert.equal(await page.getByRole("link", { name: say.see_account }).getAttribute("href"), address(bob));
      assert.ok(!page.url().includes("901"), "no number in the address");
      await accessible(page, "a number that is held up");

      await tabTo(page, button(page, say.lift));
      await page.keyboard.press("Enter");
      const dialog = page.getByRole("dialog");
      await accessible(page, "lifting");
      await tabTo(page, dialog.getByRole("button", { name: say.lift }));
      await page.keyboard.press("Enter");
      await page.getByRole("status").getByText(say.lifted.replace("{phone}", phone(2))).waitFor();
      await page.getByText(say.verdict_free).waitFor();
      assert.equal(await button(page, say.lift).count(), 0);
      await gateway.ask("POST", "/v1/auth/code", { body: { phone: phone(2) } });

      await gateway.flood("+7913000");
      for (const [number, verdict] of [
        ["+7 812 123-45-67", say.verdict_invalid_phone],
        ["+79130009001", say.verdict_proof],
        [phone(77), say.verdict_free],
      ]) {
        await page.locator("[role=search] input").fill(number);
        await page.keyboard.press("Enter");
        await page.getByText(verdict).waitFor();
        await accessible(page, number);
      }
      await page.locator("[role=search] input").fill("12");
      await page.keyboard.press("Enter");
      await page.getByText(say.problems.invalid_phone).waitFor();
    });
  }

  panel("people are found by whatever is at hand, and copied by a tap", {}, async (page, gateway) => {
    const all = await people(gateway, 3);
    await gateway.signIn("+77011234567");
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await enter(page, gateway);
    await page.getByText("5 in all").waitFor();
    const box = page.getByRole("searchbox");
    const find = async (typed) => {
      await page.locator("h1").click();
      await page.keyboard.press("/");
      await page.locator("[role=search] input:focus").waitFor();
      assert.equal(await box.inputValue(), typed.before ?? "");
      await page.keyboard.type(typed.text ?? typed);
      await page.keyboard.press("Enter");
    };
    await find("+7901");
    await page.getByText("3 in all").waitFor();
    assert.deepEqual(await page.locator("a.row .phone").allInnerTexts(), [phone(1), phone(2), phone(3)]);
    await button(page, "Clear").click();
    await page.getByText("5 in all").waitFor();
    const code = all[1].user.invite_code;
    const link = `https://example.com/i/${code}`;
    for (const typed of [`${link}?x=1`, `Join me: ${link}`, code, `${code.slice(0, 3)}-${code.slice(3)}`, "8 901 000-00-02", "tel:+79010000002", "+7901000000 2"]) {
      await find(typed);
      await page.getByText("1 in all").waitFor();
      assert.deepEqual(await page.locator("a.row .phone").allInnerTexts(), [phone(2)]);
      await button(page, "Clear").click();
      await page.getByText("5 in all").waitFor();
    }
    await page.getByLabel("Country").selectOption("KZ");
    await button(page, "Find").click();
    await page.getByText("1 in all").waitFor();
    await page.getByLabel("Country").selectOption("");
    await page.getByLabel("Signed up").fill("2020-01-01");
    await button(page, "Find").click();
    await page.getByText("Nobody found").waitFor();
    await button(page, "Clear").click();

    await button(page, `Copy ${phone(2)}`).click();
    await page.getByRole("status").getByText(`Copied: ${phone(2)}`).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), phone(2));
    await button(page, `Copy the id of ${phone(2)}`).click();
    await page.getByRole("status").getByText(`Copied: ${all[1].user.id}`).waitFor();
    await find(all[1].user.id);
    await page.locator("h1", { hasText: phone(2) }).waitFor();
  });

  const before = () => ({
    DATA_DIR: imported(["aB3xYz9", "код-12", "1234567", "4711"].map((invite_code, nth) => ({ phone: phone(nth + 1), invite_code }))),
  });
  panel("people are found by codes of an earlier service", { variables: before }, async (page, gateway) => {
    await enter(page, gateway);
    const box = page.getByRole("searchbox");
    for (const [typed, nth] of [
      ["ab3xyz9", 1],
      ["https://example.com/i/aB3xYz9", 1],
      ["код-12", 2],
      [`Join me: https://example.com/i/${encodeURIComponent("код-12")} !`, 2],
      ["1234567", 3],
      ["4711", 4],
    ]) {
      await page.getByText("5 in all").waitFor();
      await box.fill(typed);
      await page.keyboard.press("Enter");
      await page.getByText("1 in all").waitFor();
      assert.deepEqual(await page.locator("a.row .phone").allInnerTexts(), [phone(nth)], typed);
      await button(page, "Clear").click();
    }
    for (const [typed, said] of [["7654321", "Nobody found"], ["4", WORDS.en.problems.invalid_request]]) {
      await box.fill(typed);
      await page.keyboard.press("Enter");
      await page.getByText(said).waitFor();
    }
  });

  panel("a count tells how far the list has come", {}, async (page, gateway) => {
    await people(gateway, 4);
    const pages = (route) => route.continue({ url: route.request().url().replace("limit=50", "limit=1") });
    await page.route("**/v1/users?*", pages);
    for (let number = 5; number <= 30; number += 1) await gateway.signIn(phone(number));
    await enter(page, gateway);
    const today = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" }).format(new Date());
    await page.getByText(`12 shown, back to ${today}`).waitFor();
    await button(page, "Show more").click();
    await page.getByText(`24 shown, back to ${today}`).waitFor();
    await page.getByRole("searchbox").fill("+7901");
    await page.keyboard.press("Enter");
    await page.getByText(`12 shown, up to ${phone(12)}`).waitFor();
  });

  panel("a session that ends meanwhile asks to sign in, and goes on where it was", {}, async (page, gateway) => {
    const [alice] = await people(gateway, 1);
    await enter(page, gateway, ADMIN, address(alice));
    await button(page, "Ban").waitFor();
    const other = await gateway.signIn(ADMIN);
    await gateway.ask("POST", "/v1/auth/logout", { token: other.access_token, body: { scope: "global" } });
    await button(page, "Ban").click();
    await page.getByRole("dialog").getByRole("button", { name: "Ban" }).click();
    await page.getByText("You were signed out. Sign in again.").waitFor();
    assert.equal(await page.getByRole("dialog").count(), 0);
    assert.equal(await page.getByText(alice.user.phone).count(), 0, "nothing of before is shown");
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    await page.locator("input[name=phone]").fill(ADMIN);
    await page.keyboard.press("Enter");
    await page.locator("input[name=code]").fill(await code(page, gateway, ADMIN));
    await page.keyboard.press("Enter");
    await page.locator("h1", { hasText: alice.user.phone }).waitFor();
  });

  panel("without rights nothing is shown", { width: "phone", locale: "ru" }, async (page, gateway) => {
    const asked = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await enter(page, gateway, phone(1));
    await page.getByRole("heading", { name: "Нет прав" }).waitFor();
    await accessible(page, "no rights");
    assert.ok(!asked.includes("/v1/users") && !asked.includes("/v1/stats"), asked.join());
    await page.reload();
    await page.getByRole("heading", { name: "Нет прав" }).waitFor();
    const admin = await gateway.signIn(ADMIN);
    const me = await gateway.signIn(phone(1));
    const body = { role: "moderator" };
    await gateway.ask("PATCH", `/v1/users/${me.user.id}`, { token: admin.access_token, body });
    await button(page, "Проверить ещё раз").click();
    await page.getByText("Всего 2").waitFor();
    // And rights that are taken away are taken away at once.
    await gateway.ask("PATCH", `/v1/users/${me.user.id}`, { token: admin.access_token, body: { role: "user" } });
    await button(page, "Обновить").click();
    await page.getByRole("heading", { name: "Нет прав" }).waitFor();
    await button(page, "Выйти").click();
    await page.locator("input[name=phone]").waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  });

  panel("a moderator reads and cannot write", {}, async (page, gateway) => {
    const [alice, bob] = await people(gateway, 2);
    const admin = await gateway.signIn(ADMIN);
    const body = { role: "moderator" };
    await gateway.ask("PATCH", `/v1/users/${bob.user.id}`, { token: admin.access_token, body });
    const refused = [];
    page.on("response", (answer) => answer.status() === 403 && refused.push(answer.url()));
    await enter(page, gateway, bob.user.phone);
    await page.getByText("3 in all").waitFor();
    await page.getByRole("link", { name: alice.user.phone }).click();
    await page.getByRole("link", { name: bob.user.phone }).waitFor();
    const buttons = await page.locator("main").getByRole("button").allTextContents();
    assert.deepEqual(buttons.filter(Boolean), []);
    assert.equal(await page.locator("main :is(input, select)").count(), 0);
    assert.deepEqual(refused, []);
  });

  for (const [width, locale] of [
    ["phone", "ru"],
    ["desktop", "en"],
  ]) {
    panel(`what takes a fresh sign-in goes on after one: ${width}, ${locale}`, { width, locale }, async (page, gateway) => {
      const say = WORDS[locale];
      const [alice] = await people(gateway, 1);
      const device = (await gateway.signIn(phone(1), {})).access_token;
      await enter(page, gateway, ADMIN, address(alice));
      let left = 2;
      await page.route(`**/v1/users/${alice.user.id}`, async (route) => {
        if (route.request().method() !== "DELETE" || left-- <= 0) return route.continue();
        const problem = { status: 403, code: "recent_sign_in_required", title: "t", detail: "d", type: "u", request_id: "r" };
        return route.fulfill({ status: 403, contentType: "application/problem+json", body: JSON.stringify(problem) });
      });
      const remove = async () => {
        await page.getByRole("dialog").getByRole("textbox").fill(alice.user.phone);
        await page.keyboard.press("Enter");
        await page.getByText(say.sign_in_again).waitFor();
      };
      await button(page, say.delete).click();
      await remove();
      await accessible(page, "sign-in, once more");
      // Called off: it was not done, and says why.
      await page.keyboard.press("Escape");
      await page.getByText(say.problems.recent_sign_in_required).waitFor();
      await gateway.ask("GET", "/v1/users/me", { token: device });

      await remove();
      assert.equal(await page.locator("input[name=phone]").inputValue(), ADMIN);
      await page.keyboard.press("Enter");
      await page.locator("input[name=code]").fill(await code(page, gateway, ADMIN));
      await page.keyboard.press("Enter");
      await page.getByText(say.deleted.replace("{phone}", alice.user.phone)).waitFor();
      await assert.rejects(gateway.ask("GET", "/v1/users/me", { token: device }), /session_ended/);
      // In the place of the session before, which is over.
      const admin = await gateway.signIn(ADMIN);
      const { items } = await gateway.ask("GET", "/v1/users/me/sessions", { token: admin.access_token });
      assert.equal(items.length, 2);
    });
  }

  panel("what somebody meant is not done for somebody else who signs in", {}, async (page, gateway) => {
    const [alice, bob] = await people(gateway, 2);
    await enter(page, gateway, ADMIN, address(alice));
    let asked = 0;
    await page.route(`**/v1/users/${alice.user.id}`, async (route) => {
      if (route.request().method() !== "DELETE") return route.continue();
      asked += 1;
      const problem = { status: 403, code: "recent_sign_in_required", title: "t", detail: "d", type: "u", request_id: "r" };
      return route.fulfill({ status: 403, contentType: "application/problem+json", body: JSON.stringify(problem) });
    });
    await button(page, "Delete the account").click();
    await page.getByRole("dialog").getByRole("textbox").fill(alice.user.phone);
    await page.keyboard.press("Enter");
    await page.locator("input[name=phone]").fill(bob.user.phone);
    await page.keyboard.press("Enter");
    await page.locator("input[name=code]").fill(await code(page, gateway, bob.user.phone));
    await page.keyboard.press("Enter");
    await page.getByText(WORDS.en.problems.recent_sign_in_required).waitFor();
    await page.locator("h1", { hasText: WORDS.en.no_rights }).waitFor();
    assert.equal(asked, 1);
  });

  panel("an account is deleted only when its number is typed", {}, async (page, gateway) => {
    const [alice] = await people(gateway, 2);
    await enter(page, gateway);
    await page.getByText("3 in all").waitFor();
    await page.getByRole("link", { name: alice.user.phone }).click();
    await button(page, "Delete the account").click();
    const dialog = page.getByRole("dialog");
    const confirm = dialog.getByRole("button", { name: "Delete the account" });
    assert.ok(await confirm.isDisabled());
    await dialog.getByRole("textbox").fill(phone(2));
    assert.ok(await confirm.isDisabled());
    await page.keyboard.press("Enter");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await gateway.ask("GET", "/v1/users/me", { token: alice.access_token });

    await button(page, "Delete the account").click();
    await dialog.getByRole("textbox").fill(alice.user.phone);
    await page.keyboard.press("Enter");
    await page.getByText(`${alice.user.phone} is deleted.`).waitFor();
    await page.getByText("2 in all").waitFor();
    await assert.rejects(gateway.ask("GET", "/v1/users/me", { token: alice.access_token }), /session_ended/);
    // Whose referrer is gone.
    await page.getByRole("link", { name: phone(2) }).click();
    await page.getByText("Somebody whose account is gone").waitFor();
  });

  panel("what people write is text, never markup", { width: "phone" }, async (page, gateway) => {
    const [alice] = await people(gateway, 1, { device: HOSTILE });
    await gateway.ask("PATCH", "/v1/users/me", { token: alice.access_token, body: { city: HOSTILE } });
    await enter(page, gateway);
    await page.locator("a.row", { hasText: HOSTILE }).waitFor();
    await page.goto(`${gateway.url}/admin${address(alice)}`);
    await page.locator(".device", { hasText: HOSTILE }).waitFor();
    await page.locator("dd", { hasText: HOSTILE }).waitFor();
    await button(page, `Sign out ${HOSTILE}`).click();
    await page.getByRole("status").getByText(`Signed out: ${HOSTILE}.`).waitFor();
    await page.goto(`${gateway.url}/admin#/users?phone=${encodeURIComponent(HOSTILE)}`);
    await page.getByText("This is not a number that can be texted.").waitFor();
    assert.equal(await page.locator("img").count(), 0);
    assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
  });

  panel("an admin promotes, lifts a ban, ends sessions, removes a picture", {}, async (page, gateway) => {
    const [alice] = await people(gateway, 1, { device: "Pixel 8" });
    await gateway.signIn(alice.user.phone, { device: "iPad" });
    const picture = readFileSync(new URL("../local/tests/it/one-pixel.png", import.meta.url));
    const token = alice.access_token;
    await gateway.ask("PUT", "/v1/users/me/avatar", { token, body: new Uint8Array(picture), headers: { "content-type": "image/png" } });
    const me = () => gateway.ask("GET", "/v1/users/me", { token });
    await enter(page, gateway, ADMIN, address(alice));

    await page.locator(".head img.portrait").waitFor();
    await page.waitForFunction(() => document.querySelector(".head img").naturalWidth > 0);
    await button(page, "Remove the picture").click();
    await page.locator(".head span.portrait").waitFor();
    assert.equal((await me()).avatar_url, null);

    await page.getByLabel("Role").selectOption("moderator");
    await button(page, "Save").last().click();
    await page.locator(".head .moderator").waitFor();
    assert.equal((await me()).role, "moderator");
    await page.getByLabel("Role").selectOption("admin");
    await button(page, "Save").last().click();
    await page.getByRole("dialog").getByRole("button", { name: "Make an admin" }).click();
    await page.locator(".head .admin").waitFor();
    assert.equal((await me()).role, "admin");

    await button(page, "Sign out iPad").click();
    await page.getByRole("status").getByText("Signed out: iPad.").waitFor();
    await page.locator("h2:focus", { hasText: "Signed in on" }).waitFor();
    const { items } = await gateway.ask("GET", "/v1/users/me/sessions", { token });
    assert.deepEqual(items.map(({ device }) => device), ["Pixel 8"]);

    await button(page, "Ban").click();
    await page.getByRole("dialog").getByRole("button", { name: "Ban" }).click();
    await button(page, "Lift the ban").click();
    await page.getByText("The ban is lifted.").waitFor();
    await page.getByText("Not signed in anywhere.").waitFor();
    await gateway.signIn(alice.user.phone);
  });

  panel("an admin limits, ends, revokes and redraws an invite code", { timezoneId: "Asia/Yekaterinburg" }, async (page, gateway) => {
    const [alice] = await people(gateway, 3);
    const admin = await gateway.signIn(ADMIN);
    const terms = () =>
      gateway.ask("PATCH", `/v1/users/${alice.user.id}/invite`, { token: admin.access_token, body: {} });
    await enter(page, gateway, ADMIN, address(alice));
    const card = page.locator("section", { has: page.getByRole("heading", { name: "Invite code" }) });
    // Not the button that puts it back in force.
    const inForce = card.getByText("In force", { exact: true });
    await card.getByText("Entered 2 times").waitFor();
    await card.getByLabel("How often it may be entered").fill("2");
    await card.getByLabel("Until").fill("2030-01-31T12:00");
    await card.getByRole("button", { name: "Save" }).click();
    await card.getByText("Used up").waitFor();
    const { max_uses, expires_at } = await terms();
    assert.deepEqual({ max_uses, expires_at }, { max_uses: 2, expires_at: "2030-01-31T07:00:00Z" });
    assert.equal(await card.getByLabel("Until").inputValue(), "2030-01-31T12:00");

    await card.getByLabel("How often it may be entered").fill("");
    await card.getByRole("button", { name: "Save" }).click();
    await inForce.waitFor();
    assert.deepEqual((await terms()).max_uses, null);
    await card.getByRole("button", { name: "Revoke" }).click();
    await card.getByText("Revoked").waitFor();
    await card.getByRole("button", { name: "Put back in force" }).click();
    await inForce.waitFor();

    await card.getByRole("button", { name: "Draw another" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Draw another" }).click();
    await card.getByText("Entered 0 times").waitFor();
    const now = (await terms()).invite_code;
    assert.notEqual(now, alice.user.invite_code);
    assert.equal(await card.locator(".invite-code").textContent(), now);
    await card.getByLabel("How often it may be entered").fill("-1");
    await card.getByRole("button", { name: "Save" }).click();
    assert.equal((await terms()).max_uses, null);
  });

  panel("of two changes in a row the later one is made and shown last", {}, async (page, gateway) => {
    const [alice] = await people(gateway, 2, { device: "Pixel 8" });
    await gateway.signIn(alice.user.phone, { device: "iPad" });
    await enter(page, gateway, ADMIN, address(alice));
    const card = page.locator("section", { has: page.getByRole("heading", { name: "Invite code" }) });
    await card.getByText("Entered 1 time").waitFor();
    await button(page, "Sign out iPad").waitFor();

    // The first of two answers comes last, unless the second is not even asked for.
    const inARow = async (pattern, first, second) => {
      const [begun, late] = [hold(), hold()];
      let asked = 0;
      await page.route(pattern, async (route) => {
        asked += 1;
        const isFirst = asked === 1;
        begun.end();
        const response = await route.fetch();
        if (isFirst) await late.over;
        await route.fulfill({ response });
      });
      await first();
      await begun.over;
      await second();
      await page.waitForTimeout(500);
      assert.equal(asked, 1);
      late.end();
    };
    await inARow(/\/sessions\/[^/]+$/, () => button(page, "Sign out iPad").click(), () => button(page, "Sign out Pixel 8").click());
    await page.getByText("Not signed in anywhere.").waitFor();
    await inARow(/\/invite$/, () => button(card, "Revoke").click(), async () => {
      await button(card, "Draw another").click();
      await button(page.getByRole("dialog"), "Draw another").click();
    });
    await card.getByText("Entered 0 times").waitFor();
    await card.getByText("In force", { exact: true }).waitFor();
  });

  panel("offline it says so, and goes on when asked", {}, async (page, gateway) => {
    const [alice] = await people(gateway, 1);
    await enter(page, gateway);
    await page.getByText("2 in all").waitFor();
    await page.context().setOffline(true);
    await page.getByText("No connection. What you see may be out of date.").waitFor();
    await page.getByRole("link", { name: alice.user.phone }).click();
    await page.getByText("No connection to the server.").waitFor();
    await accessible(page, "offline");
    await page.context().setOffline(false);
    await page.getByRole("button", { name: "Try again" }).click();
    await button(page, "Ban").waitFor();
    await page.context().setOffline(true);
    await button(page, "Ban").click();
    await page.getByRole("dialog").getByRole("button", { name: "Ban" }).click();
    await page.getByRole("dialog").getByText("No connection to the server.").waitFor();
    await page.context().setOffline(false);
    await page.getByRole("dialog").getByRole("button", { name: "Ban" }).click();
    await button(page, "Lift the ban").waitFor();
  });

  panel("a refusal for a time says for how long", { variables: { RESEND_COOLDOWN: "9" } }, async (page, gateway) => {
    await page.goto(`${gateway.url}/admin`);
    await page.locator("input[name=phone]").fill(ADMIN);
    await page.keyboard.press("Enter");
    const again = page.getByRole("button", { name: /^A new code in [1-9] s$/ });
    await again.waitFor();
    assert.ok(await again.isDisabled());
    await button(page, "Use another number").click();
    await page.keyboard.press("Enter");
    await page.getByText(/A code was sent a moment ago\. Try again in [1-9] s\./).waitFor();

    let refused = 0;
    await page.route("**/v1/stats*", async (route) => {
      if (refused > 0) return route.continue();
      refused += 1;
      const body = JSON.stringify({ code: "unavailable", status: 503, request_id: "abc" });
      return route.fulfill({ status: 503, headers: { "retry-after": "9" }, contentType: "application/problem+json", body });
    });
    await page.waitForTimeout(9_000);
    await page.keyboard.press("Enter");
    await page.locator("input[name=code]").fill(await code(page, gateway, ADMIN));
    await page.keyboard.press("Enter");
    await page.getByText("The server cannot answer right now.").waitFor();
    assert.ok(await page.getByRole("button", { name: /^Try again in [1-9] s$/ }).isDisabled());
    await button(page, "Try again").click();
    await page.locator(".bars").nth(2).waitFor();
  });

  panel("the language is chosen, kept, and loses nothing that was typed", { locale: "de" }, async (page, gateway) => {
    await page.goto(`${gateway.url}/admin`);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.locator("input[name=phone]").fill(ADMIN);
    await page.keyboard.press("Enter");
    await page.locator("input[name=code]").waitFor();
    await page.getByRole("button", { name: "RU" }).click();
    await page.getByRole("heading", { name: "Введите код" }).waitFor();
    await page.locator("button[lang=ru]:focus").waitFor();
    await page.locator("input[name=code]").fill(await code(page, gateway, ADMIN));
    await page.keyboard.press("Enter");
    await page.getByText("Всего 1").waitFor();
    await page.reload();
    await page.getByText("Всего 1").waitFor();
  });

  test("both languages say the same things, and every problem of the API", () => {
    const shape = (value) => (typeof value === "object" && !Array.isArray(value) ? Object.keys(value).sort() : null);
    const places = (text) => [...new Set([text].flat().join().match(/\{\w+\}/g))].sort();
    assert.deepEqual(shape(WORDS.en), shape(WORDS.ru));
    for (const [key, text] of Object.entries(WORDS.en)) {
      if (key !== "problems") assert.deepEqual(places(WORDS.ru[key]), places(text), key);
    }
    const errors = readFileSync(new URL("../docs/errors.md", import.meta.url), "utf8");
    const codes = [...errors.matchAll(/<a id="(\w+)">/g)].map(([, code]) => code);
    assert.ok(codes.length > 20);
    const own = ["offline", "slow", "throttled", "broken", "passkey_here_already", "passkey_failed"];
    for (const language of Object.values(WORDS)) {
      assert.deepEqual(Object.keys(language.problems).sort(), [...codes, ...own].sort());
    }
  });

  test("its files are kept for ever under their version, its page is asked for anew", async () => {
    const gateway = await start();
    try {
      const page = await fetch(`${gateway.url}/admin`);
      assert.equal(page.headers.get("cache-control"), "no-cache");
      const policy = page.headers.get("content-security-policy");
      assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; /);
      assert.doesNotMatch(policy, /unsafe|\*|http/);
      const html = await page.text();
      assert.doesNotMatch(html, /<style|style=|\son\w+=|<script(?! type="module" src=)/);
      const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file);
      assert.ok(files.length > 8);
      let bytes = html.length;
      for (const file of files) {
        const answer = await fetch(`${gateway.url}/${file}`, { headers: { "accept-encoding": "gzip" } });
        assert.equal(answer.status, 200, file);
        assert.equal(answer.headers.get("cache-control"), "public, max-age=31536000, immutable");
        assert.equal(answer.headers.get("content-encoding"), "gzip");
        assert.ok((await answer.text()).length > 0);
        bytes += Number(answer.headers.get("content-length"));
      }
      console.log(`the panel is ${bytes} bytes on the wire`);
      const old = await fetch(`${gateway.url}/${files[0].replace(/admin\/\w+/, "admin/000000000000")}`);
      assert.equal(old.status, 404);
    } finally {
      await gateway.stop();
    }
  });

  panel("it works behind a stage of API Gateway", {}, async (page, gateway) => {
    const stage = createServer((incoming, outgoing) => {
      if (!incoming.url.startsWith("/prod/")) return outgoing.writeHead(404).end();
      const target = new URL(incoming.url.slice("/prod".length), gateway.url);
      const onward = request(target, { method: incoming.method, headers: incoming.headers }, (answer) => {
        outgoing.writeHead(answer.statusCode, answer.headers);
        answer.pipe(outgoing);
      });
      return incoming.pipe(onward);
    });
    await new Promise((resolve) => stage.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${stage.address().port}/prod`;
      await enter(page, { ...gateway, url });
      await page.getByText("1 in all").waitFor();
      await page.locator(".bars").nth(2).waitFor();
    } finally {
      stage.closeAllConnections();
      stage.close();
    }
  });
});
