import { useEffect, useState } from "react";
import { Linking, SafeAreaView, ScrollView } from "react-native";

import { HomeScreen } from "./HomeScreen";
import { useSession } from "./hooks";
import { SignInScreen } from "./SignInScreen";
import { Say, useColours } from "./ui";
import { inviteCodeOf } from "./words";

export function App() {
  const { isOn, notice } = useSession();
  const [isSigningIn, setSigningIn] = useState(false);
  const [inviteCode, setInviteCode] = useState<string | null>(null);
  useEffect(() => {
    const opened = (link: string | null | undefined) => setInviteCode((before) => inviteCodeOf(link) ?? before);
    Linking.getInitialURL().then(opened, () => {});
    const listening = Linking.addEventListener("url", ({ url }) => opened(url));
    return () => listening.remove();
  }, []);
  // A sign-in has steps after somebody is signed in: the offer of a passkey.
  useEffect(() => {
    if (isOn === false) setSigningIn(true);
  }, [isOn]);
  return (
    <SafeAreaView style={{ flex: 1, backgroundColor: useColours().ground }}>
      <ScrollView contentContainerStyle={{ padding: 16 }} keyboardShouldPersistTaps="handled">
        {isOn === null && <Say>{notice}</Say>}
        {isSigningIn && <SignInScreen key={inviteCode} inviteCode={inviteCode} notice={notice} done={() => setSigningIn(false)} />}
        {isOn && !isSigningIn && <HomeScreen />}
      </ScrollView>
    </SafeAreaView>
  );
}
