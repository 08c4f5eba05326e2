/**
 * What a field for the code says to browsers and keyboards, so that they fill it in; as properties of React's `input`
 * and of React Native's `TextInput`. No pattern: the server takes a code in whatever digits, and with blanks.
 */
export const codeField = { inputMode: "numeric", autoComplete: "one-time-code" } as const;

/** The code of the text that arrives, where the browser reads it (WebOTP); null where it does not, or was called off. */
export async function codeFromText(signal: AbortSignal): Promise<string | null> {
  if (!("OTPCredential" in globalThis)) return null;
  const asked = { otp: { transport: ["sms"] }, signal } as CredentialRequestOptions;
  const read = await navigator.credentials.get(asked).catch(() => null);
  return (read as { code?: string } | null)?.code ?? null;
}
