import type { Storage } from "../storage.js";

/** What this needs of `expo-secure-store`. */
export interface SecureStore {
  getItemAsync(key: string): Promise<string | null>;
  setItemAsync(key: string, value: string): Promise<void>;
  deleteItemAsync(key: string): Promise<void>;
}

/** `expo-secure-store`: `secureStoreStorage(SecureStore)` with `import * as SecureStore from "expo-secure-store"`. */
export function secureStoreStorage(store: SecureStore): Storage {
  return {
    get: (key) => store.getItemAsync(key),
    set: (key, value) => store.setItemAsync(key, value),
    remove: (key) => store.deleteItemAsync(key),
  };
}
