"""How another backend checks Latchkey's access tokens: with the JWKS and nothing else.

Needs PyJWT with its cryptography extra: pip install "pyjwt[crypto]"
"""

import jwt


class Verifier:
    """Checks tokens of one deployment. Keep one: it keeps the keys it fetched."""

    def __init__(self, issuer: str, audience: str = "latchkey"):
        self.issuer, self.audience = issuer, audience
        self.keys = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json")

    def verify(self, token: str) -> dict:
        """The claims of a good token; any other raises jwt.PyJWTError.

        `sub` is the user, `sid` the session. `role` was true when the token was issued. A token stays
        good here until it expires (15 minutes at most, by default), even if its user signs out meanwhile.
        """
        if jwt.get_unverified_header(token).get("typ") != "at+jwt":
            raise jwt.InvalidTokenError("not an access token")
        return jwt.decode(
            token,
            self.keys.get_signing_key_from_jwt(token).key,
            algorithms=["ES256"],
            issuer=self.issuer,
            audience=self.audience,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "sid"]},
        )
