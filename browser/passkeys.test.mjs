// Passkeys in the admin panel: with an authenticator of Chromium's, in pages of the panel
// and of elsewhere.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe } from "node:test";

import { authenticator, register, use } from "./authenticator.mjs";
import { accessible } from "./browser.mjs";
import { ADMIN, phone } from "./gateway.mjs";
import { WORDS, address, button, enter, panel, tabTo } from "./panel.mjs";

const EN = WORDS.en;
const NARROW = { width: "phone", viewport: { width: 360, height: 740 } };
const HOSTILE = `<img src=x onerror="globalThis.pwned=1">`;

/** What the panel says, with its gaps filled. */
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

const status = (page, text) => page.getByRole("status").getByText(text, { exact: true });
const offer = (page) => page.locator("aside.offer");
const card = (page, say = EN) => page.locator("section", { has: page.getByRole("heading", { name: say.passkeys, exact: true }) });
const rows = (page, say) => card(page, say).locator(".lines > li");
const settled = (page) => page.waitForFunction(() => !document.body.classList.contains("is-busy"));

/** The answer to the next request to a path. */
const answerTo = (page, path) => page.waitForResponse((answer) => new URL(answer.url()).pathname === path);

/** Opens one's own page. */
async function ownPage(page, say = EN) {
  await page.getByRole("link", { name: say.account }).click();
  await card(page, say).waitFor();
  await settled(page);
}

/** Signs in by text, and takes the offer of a passkey. */
async function enterAndAdd(page, gateway, number = ADMIN) {
  await enter(page, gateway, number);
  await offer(page).getByRole("button", { name: EN.add_passkey }).click();
  await status(page, EN.passkey_added).waitFor();
}

async function signOut(page, say = EN) {
  await button(page, say.sign_out).click();
  await page.locator("input[name=phone]").waitFor();
}

async function enterByPasskey(page, say = EN) {
  await button(page, say.passkey_sign_in).click();
  await page.locator("input[name=phone]").waitFor({ state: "detached" });
}

const sessionsOf = async (gateway, token) => (await gateway.ask("GET", "/v1/users/me/sessions", { token })).items;
const passkeysOf = async (gateway, token) => (await gateway.ask("GET", "/v1/users/me/passkeys", { token })).items;

/** A session that has a passkey in `page`, by the API alone; it may be of no staff. */
async function withPasskey(page, gateway, number, name) {
  await page.goto(`${gateway.url}/admin`);
  const session = await gateway.signIn(number);
  await register(page, gateway, session.access_token, name);
  return session;
}

describe("passkeys in the admin panel", { concurrency: 3 }, () => {
  for (const [locale, colorScheme, width] of [
    ["en", "light", NARROW],
    ["ru", "dark", NARROW],
    ["en", "dark", { width: "desktop" }],
  ]) {
    panel(`offered after a text, added, and good for signing in: ${locale}, ${width.width}`, { locale, colorScheme, ...width }, async (page, gateway) => {
      const say = WORDS[locale];
      await authenticator(page);
      await page.goto(`${gateway.url}/admin`);
      await button(page, say.passkey_sign_in).waitFor();
      await accessible(page, "sign-in");
      await enter(page, gateway);
      await offer(page).getByText(say.passkey_offer).waitFor();
      await page.locator("a.row").first().waitFor();
      await settled(page);
      await accessible(page, "the offer");
      await offer(page).getByRole("button", { name: say.add_passkey }).click();
      await status(page, say.passkey_added).waitFor();
      assert.equal(await offer(page).count(), 0);
      await page.locator("h1:focus").waitFor();

      await ownPage(page, say);
      await rows(page, say).getByText(say.passkey_unused, { exact: false }).waitFor();
      assert.equal(await page.locator("nav [aria-current]").textContent(), say.account);
      await accessible(page, "one's own passkeys");

      await signOut(page, say);
      await enterByPasskey(page, say);
      await ownPage(page, say);
      assert.equal(await rows(page, say).getByText(say.passkey_unused, { exact: false }).count(), 0);
      const times = await rows(page, say).locator(".muted").getAttribute("title");
      assert.match(times, /\d.* – .*\d/, "added and used");
      assert.equal(await offer(page).count(), 0);

      // By text once more, with a passkey that is there.
      await signOut(page, say);
      const asked = answerTo(page, "/v1/users/me/passkeys/options");
      await enter(page, gateway);
      await asked;
      await settled(page);
      assert.equal(await offer(page).count(), 0);
    });
  }

  panel("an offer turned down is not made again", {}, async (page, gateway) => {
    await authenticator(page);
    await enter(page, gateway);
    await tabTo(page, button(page, EN.not_now));
    await page.keyboard.press("Enter");
    await offer(page).waitFor({ state: "detached" });
    await page.locator("h1:focus").waitFor();
    await signOut(page);
    let asked = 0;
    page.on("request", (request) => (asked += request.url().endsWith("/passkeys/options") ? 1 : 0));
    await enter(page, gateway);
    await page.locator(".bars").nth(2).waitFor();
    assert.equal(await offer(page).count(), 0);
    assert.equal(asked, 0);
  });

  panel("an offer changes its language with the page, and goes with the session", {}, async (page, gateway) => {
    await authenticator(page);
    await enter(page, gateway);
    await offer(page).getByText(EN.passkey_offer).waitFor();
    await page.getByRole("button", { name: "RU" }).click();
    await offer(page).getByText(WORDS.ru.passkey_offer).waitFor();
    await signOut(page, WORDS.ru);
    assert.ok(!(await offer(page).isVisible()));
  });

  panel("whoever has no rights is offered nothing, and is told so after a passkey, too", {}, async (page, gateway) => {
    await authenticator(page);
    await withPasskey(page, gateway, phone(1));
    await page.reload();
    await enterByPasskey(page);
    await page.getByRole("heading", { name: EN.no_rights }).waitFor();
    await signOut(page);
    await enter(page, gateway, phone(2));
    await page.getByRole("heading", { name: EN.no_rights }).waitFor();
    await settled(page);
    assert.equal(await offer(page).count(), 0);
  });

  panel("a browser without passkeys is offered none", {}, async (page, gateway) => {
    await page.addInitScript(() => delete PublicKeyCredential.parseRequestOptionsFromJSON);
    await enter(page, gateway);
    await page.locator(".bars").nth(2).waitFor();
    assert.equal(await offer(page).count(), 0);
    await ownPage(page);
    await card(page).getByText(EN.passkeys_none).waitFor();
    assert.equal(await card(page).getByRole("button").count(), 0);
    await signOut(page);
    assert.equal(await button(page, EN.passkey_sign_in).count(), 0);
  });

  panel("at an address without a name there are none", {}, async (page, gateway) => {
    await authenticator(page);
    const url = gateway.url.replace("localhost", "127.0.0.1");
    await enter(page, { ...gateway, url });
    await page.locator(".bars").nth(2).waitFor();
    assert.equal(await offer(page).count(), 0);
    await signOut(page);
    assert.equal(await button(page, EN.passkey_sign_in).count(), 0);
  });

  const gateways = { PUBLIC_URL: "https://a1b2.execute-api.eu-central-1.amazonaws.com" };
  panel("where the deployment has no domain, nothing is offered, and whoever tries is told", { variables: gateways }, async (page, gateway) => {
    await page.goto(`${gateway.url}/admin`);
    await button(page, EN.passkey_sign_in).click();
    await page.getByText(EN.problems.passkeys_not_configured).waitFor();
    await accessible(page, "no passkeys here");
    const asked = answerTo(page, "/v1/users/me/passkeys/options");
    await enter(page, gateway);
    assert.equal((await asked).status(), 409);
    await settled(page);
    assert.equal(await offer(page).count(), 0);
  });

  const others = { PASSKEY_RP_ID: "elsewhere.invalid" };
  panel("another domain's passkeys are neither offered nor taken", { variables: others }, async (page, gateway) => {
    await authenticator(page);
    await page.goto(`${gateway.url}/admin`);
    await button(page, EN.passkey_sign_in).click();
    await page.getByText(EN.problems.passkeys_not_configured).waitFor();
    const asked = answerTo(page, "/v1/users/me/passkeys/options");
    await enter(page, gateway);
    assert.equal((await asked).status(), 200);
    await settled(page);
    assert.equal(await offer(page).count(), 0);
    await ownPage(page);
    await button(page, EN.add_passkey).click();
    await card(page).getByText(EN.problems.passkeys_not_configured).waitFor();
  });

  panel("a passkey goes along to another phone", {}, async (page, gateway, another) => {
    const first = await authenticator(page, { defaultBackupEligibility: true, defaultBackupState: true });
    await enterAndAdd(page, gateway);
    const phone = await another(NARROW);
    await authenticator(phone, { holds: await first.credentials() });
    await phone.goto(`${gateway.url}/admin`);
    await enterByPasskey(phone);
    await ownPage(phone);
    await rows(phone).getByText(EN.passkey_synced, { exact: true }).waitFor();
    await accessible(phone, "a passkey that is synced");
  });

  panel("whoever is not recognised stays where they are, and can go on", {}, async (page, gateway) => {
    const device = await authenticator(page);
    await enterAndAdd(page, gateway);
    await signOut(page);
    await device.verifies(false);
    const sent = [];
    page.on("request", (request) => sent.push(new URL(request.url()).pathname));
    await page.locator("input[name=phone]").fill("+7900");
    const asked = answerTo(page, "/v1/auth/passkey/options");
    await button(page, EN.passkey_sign_in).click();
    await asked;
    await settled(page);
    assert.equal(await page.locator("[role=alert]").count(), 0);
    assert.equal(await page.locator("input[name=phone]").inputValue(), "+7900");
    assert.ok(!sent.includes("/v1/auth/passkey"), sent.join());
    await page.locator("button:focus", { hasText: EN.passkey_sign_in }).waitFor();
    await device.verifies(true);
    await enterByPasskey(page);
    await page.locator("a.row").first().waitFor();
  });

  describe("a page of another origin", () => {
    const html = "<title>-</title><link rel=icon href=data:,>";
    const elsewhere = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(html));
    before(() => new Promise((resolve) => elsewhere.listen(0, "localhost", resolve)));
    after(() => {
      elsewhere.closeAllConnections();
      elsewhere.close();
    });
    // The same domain, so the browser lets it; another port, so it is for the API to refuse.
    const origin = () => `http://localhost:${elsewhere.address().port}`;
    const signedElsewhere = async (page, gateway) => {
      await authenticator(page);
      await withPasskey(page, gateway, ADMIN);
      await page.goto(origin());
      const { challenge_id, public_key } = await gateway.ask("POST", "/v1/auth/passkey/options");
      return { challenge_id, credential: await use(page, public_key) };
    };

    panel("is refused what was signed there", {}, async (page, gateway) => {
      const body = await signedElsewhere(page, gateway);
      await assert.rejects(gateway.ask("POST", "/v1/auth/passkey", { body }), /422 .*passkey_not_accepted/);
    });

    panel("is believed where it is listed", { variables: () => ({ PASSKEY_ORIGINS: origin() }) }, async (page, gateway) => {
      const body = await signedElsewhere(page, gateway);
      assert.equal((await gateway.ask("POST", "/v1/auth/passkey", { body })).user.phone, ADMIN);
    });
  });

  panel("a passkey that was removed is refused, and a code suggested", { locale: "ru", ...NARROW }, async (page, gateway) => {
    const say = WORDS.ru;
    await authenticator(page);
    await enter(page, gateway);
    await offer(page).getByRole("button", { name: say.add_passkey }).click();
    await status(page, say.passkey_added).waitFor();
    await ownPage(page, say);
    await rows(page, say).getByRole("button", { name: say.remove }).click();
    await page.getByRole("dialog").getByRole("button", { name: say.remove }).click();
    await card(page, say).getByText(say.passkeys_none).waitFor();
    await page.locator("h2:focus", { hasText: say.passkeys }).waitFor();
    await signOut(page, say);
    await button(page, say.passkey_sign_in).click();
    const notice = page.getByRole("alert");
    await notice.getByText(say.problems.passkey_not_accepted).waitFor();
    await notice.getByText(say.passkey_or_code).waitFor();
    await accessible(page, "a passkey that was refused");
    await enter(page, gateway);
    await page.locator("a.row").first().waitFor();
  });

  panel("by keyboard alone: sign in, rename and remove a passkey; then its session is over", {}, async (page, gateway) => {
    await authenticator(page);
    await enterAndAdd(page, gateway);
    await signOut(page);
    await tabTo(page, button(page, EN.passkey_sign_in));
    await page.keyboard.press("Enter");
    await page.locator("h1:focus", { hasText: EN.users }).waitFor();
    await tabTo(page, page.getByRole("link", { name: EN.account }));
    await page.keyboard.press("Enter");
    await rows(page).waitFor();
    const [{ name }] = await passkeysOf(gateway, (await gateway.signIn(ADMIN)).access_token);
    await tabTo(page, button(page, filled(EN.rename_of, { name })));
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: EN.passkey_rename_title });
    const field = dialog.getByLabel(EN.passkey_name);
    await page.waitForFunction(() => document.activeElement?.matches("dialog input"));
    assert.equal(await field.inputValue(), name);
    await field.fill(" ");
    assert.ok(await dialog.getByRole("button", { name: EN.save }).isDisabled());
    await field.fill(HOSTILE);
    await accessible(page, "to rename a passkey");
    await page.keyboard.press("Enter");
    await status(page, filled(EN.passkey_renamed, { name: HOSTILE })).waitFor();
    await page.locator("h2:focus", { hasText: EN.passkeys }).waitFor();
    assert.equal(await page.locator("img").count(), 0);
    assert.equal(await page.evaluate(() => globalThis.pwned), undefined);

    await tabTo(page, button(page, filled(EN.remove_of, { name: HOSTILE })));
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await accessible(page, "to remove a passkey");
    await page.keyboard.press("Escape");
    assert.equal(await rows(page).count(), 1);
    await page.keyboard.press("Enter");
    await tabTo(page, page.getByRole("dialog").getByRole("button", { name: EN.remove }));
    await page.keyboard.press("Enter");
    // It began this very session.
    await page.getByText(EN.problems.session_ended).waitFor();
    await page.locator("input[name=phone]").waitFor();
  });

  panel("a second one on the same device is told in words", {}, async (page, gateway) => {
    await authenticator(page);
    await enterAndAdd(page, gateway);
    await ownPage(page);
    await button(page, EN.add_passkey).click();
    await card(page).getByText(EN.problems.passkey_here_already).waitFor();
    await accessible(page, "there already");
    assert.equal(await rows(page).count(), 1);
  });

  panel("a passkey whose making is called off is not added, and nothing is wrong", {}, async (page, gateway) => {
    const device = await authenticator(page);
    await enter(page, gateway);
    await offer(page).waitFor();
    await device.verifies(false);
    await button(page, EN.add_passkey).click();
    await settled(page);
    assert.equal(await page.locator("[role=alert]").count(), 0);
    assert.ok(await offer(page).isVisible());
    assert.equal((await device.credentials()).length, 0);
  });

  panel("where an answer is lost, there is one session and one passkey", {}, async (page, gateway) => {
    await authenticator(page);
    const lost = [];
    for (const path of ["**/v1/users/me/passkeys", "**/v1/auth/passkey"]) {
      await page.route(path, async (route) => {
        if (route.request().method() !== "POST" || lost.includes(path)) return route.continue();
        lost.push(path);
        await route.fetch();
        return route.abort("connectionreset");
      });
    }
    await enterAndAdd(page, gateway);
    await signOut(page);
    await enterByPasskey(page);
    await ownPage(page);
    assert.equal(await rows(page).count(), 1);
    assert.equal(lost.length, 2);
    const { access_token } = await gateway.signIn(ADMIN);
    assert.equal((await sessionsOf(gateway, access_token)).length, 2);
  });

  for (const [locale, width] of [["en", { width: "desktop" }], ["ru", NARROW]]) {
    panel(`what a text cannot do on a new device, a passkey can: ${locale}`, { locale, ...width }, async (page, gateway, another) => {
      const say = WORDS[locale];
      const old = await another();
      const device = await authenticator(old);
      const { access_token: token } = await withPasskey(old, gateway, ADMIN, "first");
      const holds = await device.credentials();
      await device.clear();
      await register(old, gateway, token, "second");

      await authenticator(page, { holds });
      await enter(page, gateway);
      await page.locator("a.row").first().waitFor();
      await settled(page);
      assert.equal(await offer(page).count(), 0);
      await ownPage(page, say);
      const removal = async () => {
        await rows(page, say).filter({ hasText: "second" }).getByRole("button", { name: say.remove }).click();
        const dialog = page.getByRole("dialog", { name: filled(say.passkey_remove_title, { name: "second" }) });
        await dialog.getByRole("button", { name: say.remove }).click();
        return dialog;
      };
      const dialog = await removal();
      const signIn = page.getByRole("dialog", { name: say.sign_in });
      const why = say.device_too_new.slice(0, say.device_too_new.indexOf("{"));
      await signIn.getByText(why, { exact: false }).waitFor();
      assert.equal(await signIn.getByRole("textbox").count(), 0, "another text would not help");
      await accessible(page, "a device too new");
      // Called off: it was not done, and says why.
      await page.keyboard.press("Escape");
      await dialog.getByRole("alert").getByText(why, { exact: false }).waitFor();
      assert.equal((await passkeysOf(gateway, token)).length, 2);

      await dialog.getByRole("button", { name: say.remove }).click();
      await signIn.getByRole("button", { name: say.passkey_sign_in }).click();
      await status(page, filled(say.passkey_removed, { name: "second" })).waitFor();
      assert.deepEqual((await passkeysOf(gateway, token)).map(({ name }) => name), ["first"]);
      await settled(page);
      assert.equal(await page.getByRole("dialog").count(), 0);
    });
  }

  panel("what takes a fresh sign-in goes on after a passkey's", {}, async (page, gateway) => {
    const alice = await gateway.signIn(phone(1));
    await authenticator(page);
    await withPasskey(page, gateway, ADMIN, "mine");
    await page.goto(`${gateway.url}/admin${address(alice)}`);
    await page.reload();
    await enterByPasskey(page);
    let left = 1;
    await page.route(`**/v1/users/${alice.user.id}`, async (route) => {
      if (route.request().method() !== "PATCH" || left-- <= 0) return route.continue();
      const problem = { status: 403, code: "recent_sign_in_required", title: "t", detail: "d", type: "u", request_id: "r" };
      return route.fulfill({ status: 403, contentType: "application/problem+json", body: JSON.stringify(problem) });
    });
    await button(page, EN.ban).click();
    await page.getByRole("dialog").getByRole("button", { name: EN.ban }).click();
    const signIn = page.getByRole("dialog", { name: EN.sign_in });
    await signIn.getByText(EN.sign_in_again).waitFor();
    assert.equal(await signIn.locator("input[name=phone]").inputValue(), ADMIN);
    await accessible(page, "sign-in, once more");
    await signIn.getByRole("button", { name: EN.passkey_sign_in }).click();
    await status(page, EN.banned).waitFor();
    await assert.rejects(gateway.ask("GET", "/v1/users/me", { token: alice.access_token }), /account_banned/);
  });

  panel("an admin removes somebody else's passkey, and with it the sessions that it began", {}, async (page, gateway, another) => {
    const theirs = await another();
    await authenticator(theirs);
    const alice = await withPasskey(theirs, gateway, phone(1), HOSTILE);
    await theirs.reload();
    await enterByPasskey(theirs);
    await theirs.getByRole("heading", { name: EN.no_rights }).waitFor();
    assert.equal((await sessionsOf(gateway, alice.access_token)).length, 2);

    await enter(page, gateway, ADMIN, address(alice));
    await rows(page).waitFor();
    assert.equal(await page.locator("img").count(), 0);
    const sessions = page.locator("section", { has: page.getByRole("heading", { name: EN.sessions }) }).locator(".lines > li");
    await sessions.nth(1).waitFor();
    assert.deepEqual(await card(page).getByRole("button").allTextContents(), [EN.remove], "neither to rename nor to add");
    await accessible(page, "somebody's passkey");
    await rows(page).getByRole("button").click();
    const dialog = page.getByRole("dialog", { name: filled(EN.passkey_remove_title, { name: HOSTILE }) });
    await dialog.getByRole("button", { name: EN.remove }).click();
    await status(page, filled(EN.passkey_removed, { name: HOSTILE })).waitFor();
    await card(page).getByText(EN.passkeys_none).waitFor();
    await sessions.nth(1).waitFor({ state: "detached" });
    await settled(page);
    assert.equal(await sessions.count(), 1);
    assert.equal((await sessionsOf(gateway, alice.access_token)).length, 1);
    await button(theirs, EN.check_again).click();
    await theirs.getByText(EN.problems.session_ended).waitFor();
    await button(theirs, EN.passkey_sign_in).click();
    await theirs.getByText(EN.problems.passkey_not_accepted).waitFor();
  });

  panel("a moderator has passkeys of their own, and sees nobody else's", {}, async (page, gateway) => {
    const [admin, alice] = [await gateway.signIn(ADMIN), await gateway.signIn(phone(1))];
    await gateway.ask("PATCH", `/v1/users/${alice.user.id}`, { token: admin.access_token, body: { role: "moderator" } });
    await authenticator(page);
    await enterAndAdd(page, gateway, phone(1));
    await ownPage(page);
    assert.equal(await rows(page).count(), 1);
    await rows(page).getByRole("button", { name: EN.remove }).click();
    await page.getByRole("dialog").getByRole("button", { name: EN.remove }).click();
    await card(page).getByText(EN.passkeys_none).waitFor();
    const refused = [];
    page.on("response", (answer) => answer.status() === 403 && refused.push(answer.url()));
    await page.goto(`${gateway.url}/admin${address(admin)}`);
    await page.getByText(EN.referrals_none).waitFor();
    assert.equal(await card(page).count(), 0);
    assert.deepEqual(refused, []);
  });
});
