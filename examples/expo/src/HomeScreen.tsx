import { Problem } from "@latchkey/client";
import { useState } from "react";
import { Share, View } from "react-native";

import { api, client } from "./client";
import { useRead } from "./hooks";
import { Ask, Button, Card, Say, Title } from "./ui";
import { sayProblem } from "./words";

const day = (text: string) => new Date(text).toLocaleDateString();

/** What is one's own. */
export function HomeScreen() {
  const me = useRead(() => client.me.get());
  const friends = useRead(() => client.me.referrals());
  const sessions = useRead(() => client.me.sessions());
  const passkeys = useRead(() => client.me.passkeys());
  const [said, say] = useState("");

  const attempt = async (what: () => Promise<unknown>, part: { again: () => Promise<void> }) => {
    say("");
    try {
      await what();
      await part.again();
      say("Done.");
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.code !== "passkey_cancelled") say(sayProblem(problem));
    }
  };

  return (
    <View>
      <Title>Signed in</Title>
      <Say kind="bad">{said || me.trouble}</Say>
      {me.value && (
        <Card title="Profile">
          <Say>{me.value.phone}</Say>
          <Say kind="quiet">{me.value.city ?? ""}</Say>
          <Ask label="City" kind="text" action="Save" send={(city) => void attempt(() => client.me.update({ city: city || null }), me)} />
        </Card>
      )}
      {me.value && (
        <Card title="Invite friends">
          <Say>{me.value.invite_code}</Say>
          <Button title="Share the link" press={() => void Share.share({ message: `${api}/i/${me.value?.invite_code}` })} />
          {me.value.referrer ? (
            <Say kind="quiet">{`${me.value.referrer.phone} invited you.`}</Say>
          ) : (
            <Ask label="A friend's invite code" kind="text" action="Enter" send={(code) => void attempt(() => client.me.setReferrer(code), me)} />
          )}
        </Card>
      )}
      <Card title="Friends who entered your code">
        {friends.value?.items.map(({ id, phone }) => <Say key={id}>{phone}</Say>)}
        <Say kind="quiet">{friends.value?.items.length === 0 ? "None yet." : ""}</Say>
      </Card>
      <Card title="Signed-in devices">
        {sessions.value?.items.map(({ id, device, current, last_seen_at }) => (
          <View key={id}>
            <Say>{`${device ?? "A device"}, last seen ${day(last_seen_at)}${current ? ", this one" : ""}`}</Say>
            {!current && (
              <Button title="Sign out" label={`Sign out ${device ?? "a device"}`} press={() => void attempt(() => client.me.endSession(id), sessions)} />
            )}
          </View>
        ))}
      </Card>
      <Card title="Passkeys">
        {passkeys.value?.items.map(({ id, name, created_at }) => (
          <View key={id}>
            <Say>{`${name ?? "A passkey"}, added ${day(created_at)}`}</Say>
            <Button title="Remove" label={`Remove ${name ?? "a passkey"}`} press={() => void attempt(() => client.me.removePasskey(id), passkeys)} />
          </View>
        ))}
        {client.auth.hasPasskeys() && (
          <Button title="Add a passkey" press={() => void attempt(() => client.auth.addPasskey("This phone"), passkeys)} />
        )}
      </Card>
      <Button title="Sign out" press={() => void client.auth.signOut().catch(() => {})} />
    </View>
  );
}
