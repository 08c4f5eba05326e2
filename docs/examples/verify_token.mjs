// How another backend checks Latchkey's access tokens: with the JWKS and nothing else.
//
// Needs jose: npm install jose

import { createRemoteJWKSet, jwtVerify } from "jose";

/** Checks tokens of one deployment. Keep one: it keeps the keys it fetched. */
export class Verifier {
  constructor(issuer, audience = "latchkey") {
    this.issuer = issuer;
    this.audience = audience;
    // For as long as the answer says that they may be kept.
    const cacheMaxAge = 300_000;
    this.keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), { cacheMaxAge });
  }

  /**
   * The claims of a good token; a bad one throws an error of jose.
   *
   * `sub` is the user, `sid` the session. `role` was true when the token was issued. A token stays
   * good here until it expires (15 minutes at most, by default), even if its user signs out meanwhile.
   */
  async verify(token) {
    const { payload } = await jwtVerify(token, this.keys, {
      algorithms: ["ES256"],
      typ: "at+jwt",
      issuer: this.issuer,
      audience: this.audience,
      requiredClaims: ["exp", "iat", "sub", "sid"],
    });
    return payload;
  }
}
