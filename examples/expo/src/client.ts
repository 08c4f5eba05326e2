import { createClient } from "@latchkey/client";
import { secureStoreStorage } from "@latchkey/client/expo";
import { nativePasskeys } from "@latchkey/client/native-passkeys";
import * as SecureStore from "expo-secure-store";
import { AppState, Platform } from "react-native";
import { Passkey } from "react-native-passkey";

export const api = process.env.EXPO_PUBLIC_LATCHKEY ?? "http://localhost:3000";

export const client = createClient({
  url: api,
  // Readable while the phone is locked, so that a task in the background can refresh; and on no other phone.
  storage: secureStoreStorage(SecureStore, { keychainAccessible: SecureStore.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY }),
  passkeys: nativePasskeys(Passkey),
  device: Platform.select({ ios: "iPhone", android: "Android phone", default: "Phone" }),
});

AppState.addEventListener("change", (state) => {
  if (state === "active") client.auth.wake().catch(() => {});
});
