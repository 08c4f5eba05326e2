import { solve } from "./proof.js";

// A token that is entered at "Authorize" stays in the page's memory.
SwaggerUIBundle({
  url: new URL("openapi.json", location).pathname,
  dom_id: "#swagger-ui",
  // It would take the code of a problem for an operation of its own.
  deepLinking: !/^#[^/]/.test(location.hash),
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
  requestInterceptor: (request) => Object.assign(request, { userFetch: proving }),
});

/** Asks; where a proof of work is needed, makes it and asks again. */
async function proving(url, request) {
  const answer = await fetch(url, request);
  if (answer.status !== 403 || request.method !== "POST" || !crypto.subtle) return answer;
  const { code, challenge } = await answer.clone().json().catch(() => ({}));
  if (code !== "proof_required") return answer;
  const body = JSON.stringify({ ...JSON.parse(request.body), proof: await solve(challenge) });
  return fetch(url, { ...request, body });
}
