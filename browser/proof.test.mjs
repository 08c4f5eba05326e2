// The TypeScript of docs/integrate.md, which solves proofs of work: checked, and run
// against a gateway that asks for one; and that the panel's own solver agrees.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import ts from "typescript";

import { solve } from "../admin/proof.js";
import { GUARD, start } from "./gateway.mjs";

const [SAMPLE] = readFileSync(new URL("../docs/integrate.md", import.meta.url), "utf8").match(/(?<=^```ts\n).*?(?=^```$)/ms);

let gateway;
let sample;

before(async () => {
  gateway = await start({ ...GUARD, RESEND_COOLDOWN: "60" });
  await gateway.flood("+7900000");
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 };
  const { outputText } = ts.transpileModule(SAMPLE, { compilerOptions: options });
  sample = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);
});

after(() => gateway?.stop());

test("its types are right", () => {
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022, strict: true, noEmit: true, skipLibCheck: true, types: [] };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.getSourceFile = (name, ...rest) =>
    name === "sample.ts" ? ts.createSourceFile(name, SAMPLE, options.target) : getSourceFile(name, ...rest);
  host.fileExists = (name) => name === "sample.ts" || fileExists(name);
  host.readFile = (name) => (name === "sample.ts" ? SAMPLE : readFile(name));
  const wrong = ts.getPreEmitDiagnostics(ts.createProgram(["sample.ts"], options, host));
  assert.deepEqual(wrong.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")), []);
});

test("it gets a code where a proof is asked for, and the same answer again", async () => {
  const ask = () => sample.requestCode(gateway.url, "a-key-of-this-attempt", { phone: "+79000009001" });
  const answers = [await ask(), await ask()];
  assert.deepEqual(answers.map(({ status }) => status), [202, 202]);
  const [first, second] = await Promise.all(answers.map((answer) => answer.json()));
  assert.equal(first.challenge_id, second.challenge_id);
});

test("it solves as the panel does, and stops when told", async () => {
  const challenge = {
    parameters: {
      algorithm: "PBKDF2/SHA-256",
      cost: 2,
      expiresAt: 1_795_224_952,
      keyLength: 32,
      keyPrefix: "000",
      nonce: "5f3e9b1c7a2d4e6f8091a2b3c4d5e6f7",
      salt: "0e9a1f4b6c3d58e7a1c0e95f3e9b1c7a",
    },
    signature: "00",
  };
  assert.equal(await sample.solve(challenge), await solve(challenge));
  await assert.rejects(sample.solve(challenge, AbortSignal.abort()), { name: "AbortError" });
});
