// In which order the collection calls the operations, so that each has what the
// ones before it gave: which token, which values in the place of the examples,
// what is kept of the answer, and what must be true of it.

const code = (phone) => ({
  name: `Read the text to ${phone}`,
  path: `/local/messages?to={{${phone}}}`,
  check: [
    "const texts = pm.response.json();",
    `pm.expect(texts, "texts").to.not.be.empty;`,
    `pm.collectionVariables.set("code", texts.at(-1).body.match(/\\d{4,8}/)[0]);`,
  ],
});

const ask = (phone, more = {}) => ({
  operation: "requestCode",
  name: `Text a code to ${phone}`,
  body: { phone: `{{${phone}}}` },
  keep: { challenge: "challenge_id" },
  check: [`pm.expect(answer.phone).to.equal(pm.collectionVariables.get("${phone}"));`],
  ...more,
});

const exchange = (phone) => ({
  operation: "exchangeCode",
  name: `Sign ${phone} in`,
  body: { phone: `{{${phone}}}`, code: "{{code}}", challenge_id: "{{challenge}}", device: "Postman" },
  keep: { [`${phone}_token`]: "access_token", [`${phone}_refresh`]: "refresh_token", [`${phone}_id`]: "user.id", [`${phone}_invite`]: "user.invite_code", [`${phone}_role`]: "user.role" },
  check: [
    `pm.expect(answer.user.phone).to.equal(pm.collectionVariables.get("${phone}"));`,
    `pm.expect(answer.access_token.split(".")).to.have.lengthOf(3);`,
  ],
});

// Green, 1 by 1. No byte of it is above 127, so that it passes through Postman's texts.
const PICTURE = { type: "image/webp", base64: "UklGRhYAAABXRUJQVlA4TAkAAAAvAAAAAChARAQA" };

const signIn = (phone) => [ask(phone), code(phone), exchange(phone)];

export const STORY = [
  {
    name: "Sign in",
    about: "Alice asks for a code, reads it in the inbox of the laptop, and signs in. So does Bob.",
    steps: [...signIn("alice"), ...signIn("bob")],
  },
  {
    name: "Tokens",
    about: "The pair of tokens is traded for the next one. The old refresh token gives the same new one for an hour, until that is used.",
    steps: [
      {
        operation: "refreshTokens",
        body: { refresh_token: "{{alice_refresh}}" },
        keep: { alice_token: "access_token", alice_next: "refresh_token" },
        check: [`pm.expect(answer.refresh_token).to.not.equal(pm.collectionVariables.get("alice_refresh"));`],
      },
      {
        operation: "refreshTokens",
        name: "Ask again, as if the answer was lost",
        body: { refresh_token: "{{alice_refresh}}" },
        check: [`pm.expect(answer.refresh_token).to.equal(pm.collectionVariables.get("alice_next"));`],
      },
      { operation: "getKeys", check: [`pm.expect(answer.keys[0].alg).to.equal("ES256");`] },
      { operation: "getIssuer", check: [`pm.expect(answer.jwks_uri).to.match(/jwks\\.json$/);`] },
    ],
  },
  {
    name: "Invites",
    about: "Bob enters Alice's invite code, and Alice sees Bob.",
    steps: [
      {
        operation: "activateInvite",
        as: "bob",
        body: { invite_code: "{{alice_invite}}" },
        check: [`pm.expect(answer.referrer.id).to.equal(pm.collectionVariables.get("alice_id"));`],
      },
      {
        operation: "activateInvite",
        name: "Enter one's own code",
        body: { invite_code: "{{alice_invite}}" },
        status: 422,
        check: [`pm.expect(answer.code).to.equal("own_invite_code");`],
      },
      {
        operation: "listReferrals",
        check: [`pm.expect(answer.items.map(({ id }) => id)).to.eql([pm.collectionVariables.get("bob_id")]);`],
      },
      { operation: "openInvite", path: { invite_code: "{{alice_invite}}" } },
    ],
  },
  {
    name: "Profile",
    steps: [
      {
        operation: "getUser",
        check: [
          `pm.expect(answer.referrals).to.eql([pm.collectionVariables.get("bob")]);`,
          "pm.expect(answer.referrals_count).to.equal(1);",
        ],
      },
      { operation: "updateUser", body: { email: "alice@example.com", city: "Omsk" }, check: [`pm.expect(answer.city).to.equal("Omsk");`] },
      {
        operation: "exportUser",
        check: [
          `pm.expect(answer.account.city).to.equal("Omsk");`,
          `pm.expect(answer.referrals.map(({ id }) => id)).to.eql([pm.collectionVariables.get("bob_id")]);`,
        ],
      },
      { operation: "uploadAvatar", picture: PICTURE, check: [`pm.collectionVariables.set("avatar_id", answer.avatar_url.split("/").at(-1));`] },
      { operation: "getAvatar", path: { avatar_id: "{{avatar_id}}" }, check: [`pm.expect(pm.response.headers.get("content-type")).to.match(/^image\\//);`] },
      ask("alice_new", { name: "Text a code to another number", as: "alice", body: { phone: "{{alice_new}}", purpose: "change_phone" } }),
      code("alice_new"),
      {
        operation: "changePhone",
        body: { phone: "{{alice_new}}", code: "{{code}}" },
        check: [`pm.expect(answer.phone).to.equal(pm.collectionVariables.get("alice_new"));`],
      },
    ],
  },
  {
    name: "Passkeys",
    about: "What a device needs to make a passkey and to sign in with it. Postman is no device that could answer, so what is sent as its answer is not accepted.",
    steps: [
      { operation: "addPasskeyOptions", keep: { passkey_challenge: "challenge_id" }, check: [`pm.expect(answer.public_key.user.name).to.match(/^\\+\\d+$/);`] },
      { operation: "addPasskey", body: { challenge_id: "{{passkey_challenge}}", credential: {} }, status: 422, check: [`pm.expect(answer.code).to.equal("passkey_not_accepted");`] },
      { operation: "listPasskeys", check: ["pm.expect(answer.items).to.eql([]);"] },
      { operation: "renamePasskey", body: { name: "Phone" }, status: 404, check: [`pm.expect(answer.code).to.equal("passkey_not_found");`] },
      { operation: "removePasskey", status: 404, check: [`pm.expect(answer.code).to.equal("passkey_not_found");`] },
      { operation: "passkeySignInOptions", keep: { passkey_challenge: "challenge_id" }, check: [`pm.expect(answer.public_key.rpId).to.be.a("string");`] },
      { operation: "passkeySignIn", body: { challenge_id: "{{passkey_challenge}}", credential: {} }, status: 422, check: [`pm.expect(answer.code).to.equal("passkey_not_accepted");`] },
    ],
  },
  {
    name: "Sessions",
    steps: [
      {
        operation: "listSessions",
        as: "bob",
        check: ["pm.expect(answer.items).to.have.lengthOf(1);", "pm.expect(answer.items[0].current).to.equal(true);", `pm.collectionVariables.set("session_id", answer.items[0].id);`],
      },
      { operation: "revokeSession", as: "bob", path: { session_id: "{{session_id}}" } },
      {
        operation: "getUser",
        name: "Use a token of a session that has ended",
        as: "bob",
        status: 401,
        check: [`pm.expect(answer.code).to.equal("session_ended");`],
      },
    ],
  },
  {
    name: "For moderators and admins",
    about: "Without an admin, each is refused with 403, which is then right. To see them answer, start the gateway with `ADMIN_PHONES=+79990000000 cargo run`, and write that number into `admin_phone` of the environment before you run the collection.",
    steps: [
      ...signIn("admin"),
      { operation: "listUsers", as: "admin", staff: true, query: { phone: "{{bob}}" }, check: [`pm.expect(answer.items.map(({ id }) => id)).to.eql([pm.collectionVariables.get("bob_id")]);`] },
      { operation: "manageInvite", as: "admin", staff: true, path: { user_id: "{{bob_id}}" }, body: { max_uses: 100 }, check: ["pm.expect(answer.max_uses).to.equal(100);"] },
      { operation: "listAudit", as: "admin", staff: true, check: ["pm.expect(answer.items[0].action).to.equal('changed_invite');", "pm.expect(answer.items[0].target).to.equal(pm.collectionVariables.get('bob_id'));"] },
      { operation: "getStats", as: "admin", staff: true, check: ["pm.expect(answer.items[0].sign_ups).to.be.at.least(2);", "pm.expect(answer.items[0].referrals).to.be.at.least(1);"] },
      { operation: "getGuard", as: "admin", staff: true, check: ["pm.expect(answer.items).to.be.an('array');"] },
      { operation: "openPlace", as: "admin", staff: true, path: { place: "block-7900000" } },
      { operation: "lookUpPhone", as: "admin", staff: true, body: { phone: "{{bob}}" }, check: [`pm.expect(answer.account.id).to.equal(pm.collectionVariables.get("bob_id"));`] },
      { operation: "liftLimits", as: "admin", staff: true, body: { phone: "{{bob}}" } },
      { operation: "beginRecovery", as: "admin", staff: true, path: { user_id: "{{bob_id}}" }, body: { phone: "+79000000006" }, check: ["pm.expect(answer.phone).to.equal('+79000000006');"] },
      { operation: "getRecovery", as: "admin", staff: true, path: { user_id: "{{bob_id}}" }, check: ["pm.expect(answer.phone).to.equal('+79000000006');"] },
      { operation: "stopRecovery", as: "admin", staff: true, path: { user_id: "{{bob_id}}" } },
      { operation: "deleteUser", name: "Remove Bob's account", as: "admin", staff: true, path: { user_id: "{{bob_id}}" } },
      { operation: "signOut", as: "admin", body: {} },
    ],
  },
  {
    name: "The end",
    steps: [
      { operation: "deleteUser", name: "Remove one's own account" },
      {
        operation: "getUser",
        name: "Use a token of an account that is gone",
        status: 401,
        // Run again, it is about other people: a number has no second code within a minute.
        check: [`pm.expect(answer.code).to.equal("session_ended");`, `["alice", "bob", "alice_new", "admin"].forEach((name) => pm.collectionVariables.unset(name));`],
      },
    ],
  },
  {
    name: "Pages and files",
    steps: [
      { operation: "showHome" },
      { operation: "getHealth", check: [`pm.expect(answer.status).to.equal("ok");`] },
      { operation: "getDescription", check: [`pm.expect(answer.openapi).to.match(/^3\\.1/);`] },
      { operation: "showDocs", check: [`pm.collectionVariables.set("docs_version", pm.response.text().match(/docs\\/([0-9a-f]+)\\//)[1]);`] },
      { operation: "showSwagger" },
      { operation: "showRedoc" },
      { operation: "getDocsFile", path: { version: "{{docs_version}}", file: "swagger-ui.css" } },
      { operation: "showAdminPanel", check: [`pm.collectionVariables.set("admin_version", pm.response.text().match(/admin\\/([0-9a-f]+)\\//)[1]);`] },
      { operation: "getAdminPanelFile", path: { version: "{{admin_version}}", file: "main.js" } },
      { operation: "getAppleAssociation", status: [200, 404] },
      { operation: "getAndroidAssociation", status: [200, 404] },
    ],
  },
];
