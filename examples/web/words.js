// What the app says of a problem, by its code: https://… docs/errors.md lists them all.

const SAYS = {
  offline: "There is no answer. Check the connection, and try again.",
  slow: "There is no answer. Check the connection, and try again.",
  storage_failed: "This browser keeps nothing for this page. Allow it to, and try again.",
  invalid_phone: "This is no phone number that can be texted.",
  country_not_allowed: "We do not text this country.",
  invalid_code: "This code is wrong or too old.",
  resend_too_soon: "A text has just left.",
  too_many_codes: "This number has had many codes.",
  too_many_guesses: "There were many wrong codes for this number.",
  too_many_requests: "There were many requests from here.",
  too_many_invite_guesses: "There were many wrong invite codes.",
  texts_paused: "Texts to this country are held up.",
  text_not_sent: "The text could not be sent. Try again.",
  account_banned: "This account is blocked.",
  session_ended: "You were signed out.",
  invalid_refresh_token: "You were signed out.",
  recent_sign_in_required: "For this, sign out and in again first.",
  passkey_failed: "This device could not use a passkey.",
  passkey_exists: "This device has a passkey of yours already.",
  passkey_not_accepted: "This passkey is not known here. Sign in by a text.",
  passkeys_not_configured: "There are no passkeys here.",
  too_many_passkeys: "There are ten passkeys. Remove one first.",
  invite_code_not_found: "Nobody has this invite code.",
  own_invite_code: "This invite code is your own.",
  invite_already_activated: "You have entered an invite code already.",
  invite_loop: "You invited this friend yourself.",
  invalid_image: "This is no JPEG, PNG or WebP.",
  body_too_large: "This picture is larger than 256 KiB.",
};

export function sayProblem({ code, extras }) {
  const left = code === "invalid_code" && extras.attempts_left > 0 ? ` ${extras.attempts_left} more tries.` : "";
  return (SAYS[code] ?? `Something went wrong (${code}).`) + left;
}

export function sayWait(seconds) {
  if (seconds < 90) return `in ${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `in ${minutes} minutes` : `in ${Math.ceil(minutes / 60)} hours`;
}
