import { SignIn, type State, type Trouble } from "@latchkey/client/sign-in";
import { useState } from "react";
import { View } from "react-native";

import { client } from "./client";
import { useObserved } from "./hooks";
import { Ask, Button, Say, Title } from "./ui";
import { sayProblem, sayWait } from "./words";

/** A sign-in, step by step. `done` is called at its end, which may be after somebody is signed in. */
export function SignInScreen({ inviteCode, notice, done }: { inviteCode: string | null; notice: string; done: () => void }) {
  const [signIn] = useState(() => {
    const made = new SignIn(client, { passkeyName: "This phone", ...(inviteCode && { invite_code: inviteCode }) });
    made.subscribe(({ step }) => step === "done" && done());
    return made;
  });
  const state = useObserved<State>(signIn);
  switch (state.step) {
    case "phone":
      return (
        <View>
          <Title>Sign in</Title>
          <Say kind="quiet">{notice}</Say>
          <Say kind="quiet">{inviteCode ? `Invited with ${inviteCode}.` : ""}</Say>
          <Ask label="Phone number" kind="phone" action="Text me a code" send={(phone) => void signIn.requestCode(phone)} />
          {client.auth.hasPasskeys() && <Button title="Sign in with a passkey" press={() => void signIn.signInWithPasskey()} />}
          <Wrong trouble={state.trouble} />
        </View>
      );
    case "proof":
      return (
        <View>
          <Title>One moment</Title>
          <Say>Making sure that you are no robot. This takes some seconds.</Say>
          <Button title="Cancel" press={() => signIn.back()} />
        </View>
      );
    case "code":
      return (
        <View>
          <Title>Enter the code</Title>
          <Say kind="quiet">{`It is on its way to ${state.texted.phone}.`}</Say>
          <Ask label="Code" kind="code" action="Sign in" send={(code) => void signIn.enterCode(code)} />
          <Wrong trouble={state.trouble} />
          <Again state={state} press={() => void signIn.resend()} />
          <Button title="Another number" press={() => signIn.back()} />
        </View>
      );
    case "passkey-offer":
      return (
        <View>
          <Title>Sign in without a text next time?</Title>
          <Say>A passkey is kept by this phone, which asks for your finger, face or PIN.</Say>
          <Button first title="Add a passkey" press={() => void signIn.addPasskey()} />
          <Button title="Not now" press={() => signIn.skipPasskey()} />
          <Wrong trouble={state.trouble} />
        </View>
      );
    case "done":
      return null;
  }
}

function Again({ state, press }: { state: State & { step: "code" }; press: () => void }) {
  const left = useObserved(state.texted.resend);
  return <Button title={left > 0 ? `Another text ${sayWait(left)}` : "Another text"} disabled={left > 0} press={press} />;
}

const NOW = { get: () => 0, subscribe: () => () => {} };

function Wrong({ trouble }: { trouble: Trouble | null }) {
  const left = useObserved(trouble?.wait ?? NOW);
  if (!trouble) return null;
  return <Say kind="bad">{sayProblem(trouble.problem) + (left > 0 ? ` Try again ${sayWait(left)}.` : "")}</Say>;
}
