import { Problem, type LocalCode } from "./problem.js";

/** The platform's passkeys, in WebAuthn's own JSON: `public_key` as the API gives it, `credential` as it takes it. */
export interface Passkeys {
  isSupported(): boolean;
  create(options: object): Promise<object>;
  get(options: object, signal?: AbortSignal): Promise<object>;
}

// What browsers call it (WebAuthn), then what `react-native-passkey` does.
const CODES: Record<string, LocalCode> = {
  NotAllowedError: "passkey_cancelled",
  AbortError: "passkey_cancelled",
  InvalidStateError: "passkey_exists",
  UserCancelled: "passkey_cancelled",
  NoCredentials: "passkey_cancelled",
  CredentialAlreadyExists: "passkey_exists",
};

/** Those of the browser. */
export const browserPasskeys: Passkeys = {
  isSupported() {
    const kind = globalThis.PublicKeyCredential;
    return typeof kind?.parseRequestOptionsFromJSON === "function" && typeof kind.prototype.toJSON === "function";
  },
  async create(options) {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options as PublicKeyCredentialCreationOptionsJSON);
    return ((await navigator.credentials.create({ publicKey })) as PublicKeyCredential).toJSON();
  },
  async get(options, signal) {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options as PublicKeyCredentialRequestOptionsJSON);
    const asked = signal ? { publicKey, signal } : { publicKey };
    return ((await navigator.credentials.get(asked)) as PublicKeyCredential).toJSON();
  },
};

/** What the platform answers, or a `Problem` of what it failed with. */
export async function ofPlatform<T extends object>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    const { name, error } = (cause ?? {}) as { name?: string; error?: string };
    throw new Problem(CODES[error ?? name ?? ""] ?? "passkey_failed", { cause });
  }
}
