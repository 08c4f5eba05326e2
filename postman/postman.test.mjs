// The collection is made from the description as it is, and runs green.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import newman from "newman";
import { bare, start } from "../browser/gateway.mjs";
import { COLLECTION, generate } from "./generate.mjs";
import { STORY } from "./story.mjs";

const file = (path) => fileURLToPath(new URL(path, import.meta.url));

test("what is checked in is what openapi.json gives (npm run generate)", () => {
  assert.ok(readFileSync(COLLECTION, "utf8") === generate());
});

const ADMIN = "+79990000000";

/** Runs the collection twice, as it is imported: with no file beside it. */
async function run(gateway, admin) {
  const environment = JSON.parse(readFileSync(file("../docs/latchkey.localhost.postman_environment.json"), "utf8"));
  const envVar = [{ key: "base_url", value: gateway.url }, ...(admin ? [{ key: "admin_phone", value: admin }] : [])];
  const names = [];
  for (let time = 0; time < 2; time += 1) {
    const summary = await new Promise((resolve, reject) => {
      newman.run({ collection: JSON.parse(readFileSync(COLLECTION, "utf8")), environment, envVar }, (error, done) =>
        error ? reject(error) : resolve(done),
      );
    });
    const failed = summary.run.failures.map(({ source, error }) => `${source?.name}: ${error.message}`);
    assert.deepEqual(failed, []);
    const { requests, assertions } = summary.run.stats;
    console.log(`${requests.total} requests, ${assertions.total} assertions`);
    assert.ok(requests.total >= 40 && assertions.total >= 100);
    names.push(...summary.run.executions.flatMap(({ assertions }) => assertions ?? []).map(({ assertion }) => assertion));
  }
  return names.filter((name) => name.endsWith("who is no admin")).length;
}

test("every request is answered as it should be on a bare `cargo run`, where nobody is an admin", async () => {
  const gateway = await bare();
  try {
    const staff = STORY.flatMap(({ steps }) => steps).filter((step) => step.staff);
    assert.equal(await run(gateway), 2 * staff.length);
  } finally {
    await gateway.stop();
  }
});

test("every request is answered as it should be where there is an admin", async () => {
  const gateway = await start({ ADMIN_PHONES: ADMIN, REVEAL_CODE: "false" });
  try {
    assert.equal(await run(gateway, ADMIN), 0);
  } finally {
    await gateway.stop();
  }
});
