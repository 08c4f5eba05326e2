import { tabLock } from "../lock.js";
import type { Storage } from "../storage.js";

/**
 * The `localStorage` of a page's origin, which all of its tabs share; and all of its scripts, so that a page needs a
 * Content-Security-Policy that lets no foreign ones in.
 */
export function localStorageStorage(store: globalThis.Storage = localStorage): Storage {
  return {
    get: async (key) => store.getItem(key),
    set: async (key, value) => store.setItem(key, value),
    remove: async (key) => store.removeItem(key),
    lock: tabLock("latchkey", store),
    watch(listener) {
      const listen = ({ key, storageArea }: StorageEvent) => {
        if (storageArea === store) listener(key);
      };
      addEventListener("storage", listen);
      return () => removeEventListener("storage", listen);
    },
  };
}
