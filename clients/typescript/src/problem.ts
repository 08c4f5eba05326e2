/** What this side calls a problem that no answer of ours names. */
export type LocalCode =
  /** No answer came. */
  | "offline"
  /** No answer came in time. */
  | "slow"
  /** What came is none of our answers: a captive portal's page, a proxy's error, half an answer. */
  | "unreadable"
  /** A gateway before the API asks for a pause. */
  | "throttled"
  /** Nobody is signed in, so nothing was asked. */
  | "not_signed_in"
  /** Secrets cannot be read or written right now: a locked keychain, a full disk. */
  | "storage_failed"
  /** This device or page has no passkeys. */
  | "passkeys_unsupported"
  /** The person turned the passkey down, or has none. */
  | "passkey_cancelled"
  /** This device has a passkey of this account already. */
  | "passkey_exists"
  /** The platform could not make or use a passkey. */
  | "passkey_failed";

interface Details {
  status?: number;
  retryAfter?: number | null;
  /** When it was answered, by the server's clock. */
  at?: number | null;
  /** The body of our answer. */
  body?: Record<string, unknown>;
  cause?: unknown;
}

/** Why something was not done: `code` is the API's (docs/errors.md), or a `LocalCode`. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: LocalCode | (string & {});
  /** Of HTTP; 0 where no answer came. */
  readonly status: number;
  /** Whole seconds after which asking again makes sense; null where that was not said. */
  readonly retryAfter: number | null;
  /** When the server said so, by its own clock in milliseconds; null where nobody knows. */
  readonly at: number | null;
  /** What else the answer holds: `attempts_left`, `challenge`, `errors`, `request_id` … */
  readonly extras: Readonly<Record<string, unknown>>;
  /** Whether our server said so, as `application/problem+json` from the configured origin. */
  readonly isOurs: boolean;

  constructor(code: Problem["code"], { status = 0, retryAfter = null, at = null, body, cause }: Details = {}) {
    super(typeof body?.["detail"] === "string" ? `${code}: ${body["detail"]}` : code, { cause });
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
    this.at = at;
    this.extras = body ?? {};
    this.isOurs = body !== undefined;
  }

  /** Whether nobody knows if it was done, or it was not for now: asking the same again helps. */
  get isPassing(): boolean {
    return PASSING.has(this.code) || (!this.isOurs && this.status >= 500);
  }

  /** Whether it says, in our server's name, that the session is over. */
  get endsSession(): boolean {
    return this.isOurs && this.status === ENDS.get(this.code);
  }
}

const PASSING = new Set([
  "offline", "slow", "unreadable", "throttled", "storage_failed", "outcome_unknown", "unavailable",
]);

const ENDS = new Map([["session_ended", 401], ["invalid_refresh_token", 401], ["account_banned", 403]]);
