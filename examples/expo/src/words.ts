import type { Problem } from "@latchkey/client";

/** What the app says of a problem, by its code; `docs/errors.md` lists them all. */
const SAYS: Record<string, string> = {
  offline: "There is no answer. Check the connection, and try again.",
  slow: "There is no answer. Check the connection, and try again.",
  storage_failed: "This phone keeps its secrets shut. Unlock it, and try again.",
  invalid_phone: "This is no phone number that can be texted.",
  country_not_allowed: "We do not text this country.",
  invalid_code: "This code is wrong or too old.",
  resend_too_soon: "A text has just left.",
  too_many_codes: "This number has had many codes.",
  too_many_guesses: "There were many wrong codes for this number.",
  too_many_requests: "There were many requests from here.",
  texts_paused: "Texts to this country are held up.",
  text_not_sent: "The text could not be sent. Try again.",
  account_banned: "This account is blocked.",
  session_ended: "You were signed out.",
  invalid_refresh_token: "You were signed out.",
  recent_sign_in_required: "For this, sign out and in again first.",
  passkey_failed: "This phone could not use a passkey.",
  passkey_exists: "This phone has a passkey of yours already.",
  passkey_not_accepted: "This passkey is not known here. Sign in by a text.",
  invite_code_not_found: "Nobody has this invite code.",
  own_invite_code: "This invite code is your own.",
  invite_already_activated: "You have entered an invite code already.",
  invite_loop: "You invited this friend yourself.",
};

export function sayProblem({ code, extras }: Pick<Problem, "code" | "extras">): string {
  const left = code === "invalid_code" ? Number(extras["attempts_left"]) : 0;
  return (SAYS[code] ?? `Something went wrong (${code}).`) + (left > 0 ? ` ${left} more tries.` : "");
}

export function sayWait(seconds: number): string {
  if (seconds < 90) return `in ${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `in ${minutes} minutes` : `in ${Math.ceil(minutes / 60)} hours`;
}

/** The invite code of a link that opened the app, `https://auth.example.com/i/K5J3RW`; null where it is another link. */
export function inviteCodeOf(link: string | null | undefined): string | null {
  return /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*\/i\/([0-9a-z]{6})\/?(?:[?#]|$)/i.exec(link ?? "")?.[1]?.toUpperCase() ?? null;
}
