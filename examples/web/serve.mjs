// Serves these files, and the client as it comes from npm, at http://localhost:8080. LATCHKEY is where the API is.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = new URL("./", import.meta.url);
const CLIENT = new URL("./", import.meta.resolve("@latchkey/client"));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css" };

/** Answers the address, and what ends it. */
export async function serve({ port = 8080, latchkey = "http://localhost:3000" } = {}) {
  // Whatever runs in the page can read its localStorage, so nothing foreign runs in it. Proofs of work are made in a worker.
  const policy = [
    "default-src 'self'",
    `connect-src 'self' ${latchkey}`,
    `img-src 'self' ${latchkey} data:`,
    "worker-src blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  const server = createServer(async ({ url }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const [file] = pathname === "/" ? ["index.html"] : (/^\/(?:client\/(?:storage\/)?)?[a-z0-9-]+\.(?:js|css)$/.exec(pathname) ?? []);
    const path = file?.startsWith("/client/") ? new URL(file.slice("/client/".length), CLIENT) : file && new URL(file.replace("/", ""), HERE);
    const content = path && (await readFile(path, "utf8").catch(() => null));
    if (!content) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(path.pathname)], "content-security-policy": policy, "cache-control": "no-cache" });
    response.end(content.replace("%LATCHKEY%", latchkey));
  });
  await new Promise((resolve) => server.listen(port, "localhost", resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://localhost:${server.address().port}`, stop };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { LATCHKEY: latchkey, PORT: port } = process.env;
  const { url } = await serve({ ...(latchkey && { latchkey }), ...(port && { port: Number(port) }) });
  console.log(`The app is at ${url}. The API has to let it in:

  CORS_ORIGINS=${url} PASSKEY_ORIGINS=${url} cargo run
`);
}
