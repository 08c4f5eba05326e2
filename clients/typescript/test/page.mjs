// Serves the client as a page would have it, plain ES modules, at an origin of its own; and a backend of the app's.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));

// What tests call in the page.
const PAGE = `
import * as core from "/client/index.js";
import { SignIn } from "/client/sign-in.js";
globalThis.ready = (url, more = {}) => {
  const client = core.createClient({ url, storage: core.localStorageStorage(), device: "Chromium", ...more });
  const told = [];
  client.auth.onChange(({ signedIn, problem }) => told.push([signedIn, problem?.code ?? null]));
  Object.assign(globalThis, { core, SignIn, client, told });
};
globalThis.isLoaded = true;
`;

/** Where a page finds the client by its name. */
const IMPORTS = { imports: { "@latchkey/client": "/client/index.js", "@latchkey/client/sign-in": "/client/sign-in.js" } };

/**
 * Pages at `/`, with the policy `?policy=` and the base `?base=`; `bundle` is served at `/bundle.js`, and what `sample`
 * answers, a page that imports the client by its name, at `/sample`.
 */
export async function serve({ bundle = "", sample = () => "" } = {}) {
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://localhost");
    const script = (text) => response.writeHead(200, { "content-type": "text/javascript" }).end(text);
    if (pathname === "/page.js") return script(PAGE);
    if (pathname === "/bundle.js") return script(bundle);
    if (pathname.startsWith("/client/")) return script(await readFile(DIST + pathname.slice("/client/".length)));
    if (pathname === "/sample") {
      const head = `<link rel="icon" href="data:,"><script type="importmap">${JSON.stringify(IMPORTS)}</script>`;
      return response.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><title>App</title>${head}${sample()}`);
    }
    if (pathname !== "/") return response.writeHead(404).end();
    const [policy, base] = [searchParams.get("policy"), searchParams.get("base")];
    response.writeHead(200, { "content-type": "text/html", ...(policy && { "content-security-policy": policy }) });
    response.end(
      `<!doctype html><title>App</title><link rel="icon" href="data:,">` +
        `<script type="module" src="/page.js"></script>${base ? `<base href="${base}">` : ""}`,
    );
  });
  return listening(server);
}

/** A backend that any page may call: `seen` has the path and token of each request; `/away` leads to `/elsewhere`. */
export async function backend() {
  const seen = [];
  const server = createServer((request, response) => {
    const allowed = { "access-control-allow-origin": request.headers.origin ?? "*", "access-control-allow-headers": "authorization" };
    if (request.method === "OPTIONS") return response.writeHead(204, allowed).end();
    seen.push([request.url, request.headers.authorization ?? null]);
    if (request.url === "/away") return response.writeHead(302, { ...allowed, location: "/elsewhere" }).end();
    const isFirst = seen.filter(([path]) => path === "/once").length === 1;
    response.writeHead(request.url === "/once" && isFirst ? 401 : 200, allowed).end("{}");
  });
  return { seen, ...(await listening(server)) };
}

async function listening(server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://localhost:${server.address().port}`, stop };
}
