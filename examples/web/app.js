// With a bundler, "./client/…" is "@latchkey/client" and "@latchkey/client/sign-in".
import { createClient, localStorageStorage } from "./client/index.js";
import { say } from "./dom.js";
import { drawHome } from "./home.js";
import { drawSignIn } from "./sign-in.js";
import { sayProblem } from "./words.js";

const url = document.querySelector("meta[name=latchkey]").content;
const client = createClient({ url, storage: localStorageStorage(), device: "Example in a browser" });

let signIn = null;

function draw(signedIn, notice) {
  say("");
  signIn = null;
  if (signedIn) void drawHome(client, url);
  else signIn = drawSignIn(client, () => draw(true), notice);
}

draw(await client.auth.isSignedIn());
// Also when another tab signed in or out, or the server ended the session. A sign-in in this one has steps to draw yet.
client.auth.onChange(({ signedIn, problem }) => {
  if (signedIn && signIn?.get().busy) return;
  draw(signedIn, problem ? sayProblem(problem) : "");
});
