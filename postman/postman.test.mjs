// The collection is made from the description as it is, and runs green.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import newman from "newman";
import { start } from "../browser/gateway.mjs";
import { COLLECTION, generate } from "./generate.mjs";

const file = (path) => fileURLToPath(new URL(path, import.meta.url));

test("what is checked in is what openapi.json gives (npm run generate)", () => {
  assert.ok(readFileSync(COLLECTION, "utf8") === generate());
});

test("every request of the collection is answered as it should be, twice", async () => {
  const environment = JSON.parse(readFileSync(file("../docs/latchkey.localhost.postman_environment.json"), "utf8"));
  const admin = environment.values.find(({ key }) => key === "admin_phone").value;
  const gateway = await start({ ADMIN_PHONES: admin, REVEAL_CODE: "false" });
  try {
    for (let time = 0; time < 2; time += 1) {
      const summary = await new Promise((resolve, reject) => {
        newman.run(
          {
            collection: JSON.parse(readFileSync(COLLECTION, "utf8")),
            environment,
            envVar: [{ key: "base_url", value: gateway.url }],
            workingDir: file("../local/tests/it"),
          },
          (error, done) => (error ? reject(error) : resolve(done)),
        );
      });
      const failed = summary.run.failures.map(({ source, error }) => `${source?.name}: ${error.message}`);
      assert.deepEqual(failed, []);
      const { requests, assertions } = summary.run.stats;
      console.log(`${requests.total} requests, ${assertions.total} assertions`);
      assert.ok(requests.total >= 40 && assertions.total >= 100);
    }
  } finally {
    await gateway.stop();
  }
});
