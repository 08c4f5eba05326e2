// That the adapters take the modules as their own types have them.

import * as SecureStore from "expo-secure-store";
import * as Keychain from "react-native-keychain";
import { Passkey } from "react-native-passkey";

import { createClient, type Client, type Passkeys, type Storage } from "@latchkey/client";
import { secureStoreStorage } from "@latchkey/client/expo";
import { keychainStorage } from "@latchkey/client/keychain";
import { nativePasskeys } from "@latchkey/client/native-passkeys";

export const stores: Storage[] = [
  secureStoreStorage(SecureStore),
  secureStoreStorage(SecureStore, { keychainAccessible: SecureStore.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY }),
  keychainStorage(Keychain),
  keychainStorage(Keychain, { accessible: Keychain.ACCESSIBLE.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY, accessGroup: "group" }),
];

export const passkeys: Passkeys = nativePasskeys(Passkey);

export const client: Client = createClient({ url: "https://auth.example.com", storage: stores[0]!, passkeys });

// @ts-expect-error An option that the module does not have.
secureStoreStorage(SecureStore, { accessible: true });
