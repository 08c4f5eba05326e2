// The samples of the description that can be run here are: each asks what it says.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { phone, start } from "./gateway.mjs";

const run = promisify(execFile);

let gateway;
let folder;

before(async () => {
  gateway = await start();
  folder = await mkdtemp(join(tmpdir(), "samples-"));
  await writeFile(join(folder, "picture.jpeg"), PICTURE);
});

after(async () => {
  await gateway?.stop();
  await rm(folder, { recursive: true, force: true });
});

// A picture of one pixel.
const PICTURE = Buffer.from("UklGRhYAAABXRUJQVlA4TAkAAAAvAAAAAChARAQA", "base64");

/** Who signs in anew: a call before may have ended their session, or their account. */
let number = 7300;
const token = async () => (await gateway.signIn(phone((number += 1)))).access_token;

/** The status that curl is answered with. */
async function curl(source) {
  const script = `${source.replace(/^curl /, "curl -s -o /dev/null -w '%{http_code}' ").replace(" \\\n  -o avatar", "")}`;
  const { stdout } = await run("sh", ["-c", script], { cwd: folder, env: { PATH: process.env.PATH, LATCHKEY: gateway.url, TOKEN: await token() } });
  return Number(stdout);
}

/** The status that the code is answered with, which throws the problem where there is one. */
async function typescript(source) {
  const AsyncFunction = (async () => {}).constructor;
  try {
    return await new AsyncFunction("latchkey", "token", "picture", `${source}\nreturn response.status;`)(gateway.url, await token(), PICTURE);
  } catch (problem) {
    return problem.status ?? Promise.reject(problem);
  }
}

test("curl and TypeScript are answered alike, and never that they asked wrongly", async () => {
  const { paths } = await gateway.ask("GET", "/openapi.json");
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { operationId, responses, "x-codeSamples": samples }] of Object.entries(methods)) {
      assert.deepEqual(samples.map(({ label }) => label), ["curl", "TypeScript", "Swift", "Kotlin"]);
      const [shell, script] = [await curl(samples[0].source), await typescript(samples[1].source)];
      assert.equal(shell, script, `${method} ${path}`);
      assert.ok(responses[shell], `${operationId} ${shell}`);
      assert.ok(![400, 401, 405, 415].includes(shell) || operationId === "refreshTokens", `${operationId} ${shell}`);
      for (const { label, source } of samples) {
        const [asks] = [...source.matchAll(/\{latchkey\}|\$latchkey|latchkey \+|\$LATCHKEY/g)];
        assert.ok(asks && !source.includes("{user_id}") && !source.includes("null"), `${operationId} ${label}`);
      }
    }
  }
});
