// Chromium's virtual authenticator: what makes passkeys and signs with them, without anybody
// who touches it.

const KIND = {
  protocol: "ctap2",
  ctap2Version: "ctap2_1",
  transport: "internal",
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
};

/** One for a page, with what another `holds` already. */
export async function authenticator(page, { holds = [], ...more } = {}) {
  const session = await page.context().newCDPSession(page);
  await session.send("WebAuthn.enable");
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", { options: { ...KIND, ...more } });
  const send = (method, parameters) => session.send(`WebAuthn.${method}`, { authenticatorId, ...parameters });
  for (const credential of holds) await send("addCredential", { credential });
  return {
    /** What it holds, with private keys. */
    credentials: async () => (await send("getCredentials")).credentials,
    /** Whether it knows from now on who is there. */
    verifies: (isUserVerified) => send("setUserVerified", { isUserVerified }),
    /** Forgets all that it holds. */
    clear: () => send("clearCredentials"),
  };
}

/** Makes a passkey in a page for whoever has the token; answers what the API calls it. */
export async function register(page, gateway, token, name) {
  const { challenge_id, public_key } = await gateway.ask("POST", "/v1/users/me/passkeys/options", { token });
  const credential = await create(page, public_key);
  return gateway.ask("POST", "/v1/users/me/passkeys", { token, body: { challenge_id, credential, name } });
}

/** What a page answers that is asked to make a passkey. */
export function create(page, options) {
  return page.evaluate(async (options) => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return (await navigator.credentials.create({ publicKey })).toJSON();
  }, options);
}

/** What a page answers that is asked to sign in by a passkey. */
export function use(page, options) {
  return page.evaluate(async (options) => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    return (await navigator.credentials.get({ publicKey })).toJSON();
  }, options);
}
