import { solve } from "./proof.js";

// As the system is, also when it changes.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

/**
 * A lock is closed where a token goes along: not where one may be left out and is. And what is only
 * for reading, Redoc shows.
 */
const shown = () => ({
  statePlugins: {
    auth: {
      wrapSelectors: {
        isAuthorized: (isAuthorized) => (_, ways) => isAuthorized(ways.filter((way) => way.size > 0)),
      },
    },
    spec: {
      wrapSelectors: {
        taggedOperations: (taggedOperations) => () => taggedOperations().filter((tag) => tag.get("operations").size > 0),
      },
    },
  },
});

// A token that is entered at "Authorize" stays in the page's memory.
SwaggerUIBundle({
  url: new URL("openapi.json", location).pathname,
  dom_id: "#swagger-ui",
  // It would take the code of a problem for an operation of its own.
  deepLinking: !/^#[^/]/.test(location.hash),
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  plugins: [shown],
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
