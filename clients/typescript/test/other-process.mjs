// What another process does with a folder that it shares: see stores.test.mjs.

import { createClient } from "@latchkey/client";
import { fileStorage } from "@latchkey/client/node";

const [what, folder, more] = process.argv.slice(2);
const storage = fileStorage(folder);

const deeds = {
  async write() {
    for (let digit = 0; ; digit = (digit + 1) % 10) {
      await storage.set("value", `${digit}`.repeat(1_500_000));
      process.send(digit);
    }
  },
  async count() {
    for (let time = 0; time < Number(more); time += 1) {
      await storage.lock(async () => {
        const count = Number(await storage.get("count"));
        await storage.set("count", `${count + 1}`);
      });
    }
  },
  async hold() {
    await storage.lock(() => {
      process.send("held");
      setInterval(() => {}, 1_000);
      return new Promise(() => {});
    });
  },
  async profile() {
    process.send((await createClient({ url: more, storage }).me.get()).id);
  },
};

await deeds[what]();
process.disconnect();
