import type { Storage } from "../storage.js";

/** What this needs of `expo-secure-store`. */
export interface SecureStore<Options> {
  getItemAsync(key: string, options?: Options): Promise<string | null>;
  setItemAsync(key: string, value: string, options?: Options): Promise<void>;
  deleteItemAsync(key: string, options?: Options): Promise<void>;
}

/**
 * `expo-secure-store`: `secureStoreStorage(SecureStore)` with `import * as SecureStore from "expo-secure-store"`. `options` go
 * along with each call; an app that refreshes while the phone is locked needs
 * `{ keychainAccessible: SecureStore.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY }`. A session is some 900 bytes: phones that keep
 * 2,048 at most under a key have the room.
 */
export function secureStoreStorage<Options>(store: SecureStore<Options>, options?: Options): Storage {
  return {
    get: (key) => store.getItemAsync(key, options),
    set: (key, value) => store.setItemAsync(key, value, options),
    remove: (key) => store.deleteItemAsync(key, options),
  };
}
