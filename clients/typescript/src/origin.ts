const ABSOLUTE = /^(https?):\/\/([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(\d+))?(?=[/?#]|$)/i;
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

/**
 * The origin of an absolute address, or null. Read by hand, as React Native's `URL` cannot say it, and strictly: an
 * address with a user, a backslash or white space before its path has none.
 */
export function originOf(address: string): string | null {
  const [, scheme, host, port] = ABSOLUTE.exec(address) ?? [];
  if (!scheme || !host) return null;
  const isDefault = port === undefined || Number(port) === (scheme.toLowerCase() === "https" ? 443 : 80);
  return `${scheme}://${host}${isDefault ? "" : `:${Number(port)}`}`.toLowerCase();
}

/** The origin of an address that may be told a token: over https, or of this machine itself. */
export function safeOrigin(address: string): string {
  const origin = originOf(address);
  const host = origin?.replace(/^https?:\/\//, "").replace(/:\d+$/, "") ?? "";
  if (!origin || !(origin.startsWith("https:") || LOOPBACK.test(host))) {
    throw new TypeError(`${address} must be an https address, or one of this machine`);
  }
  return origin;
}
