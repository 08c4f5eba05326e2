import type { Storage } from "../storage.js";

/** What this needs of `react-native-keychain`. */
export interface Keychain<Options> {
  getGenericPassword(options: Options & { service: string }): Promise<false | { password: string }>;
  setGenericPassword(username: string, password: string, options: Options & { service: string }): Promise<unknown>;
  resetGenericPassword(options: Options & { service: string }): Promise<unknown>;
}

/** `react-native-keychain`, a service for each key; `options` go along with each call, such as an access group. */
export function keychainStorage<Options extends object>(keychain: Keychain<Options>, options = {} as Options): Storage {
  const service = (key: string) => ({ ...options, service: key });
  return {
    async get(key) {
      const found = await keychain.getGenericPassword(service(key));
      return found ? found.password : null;
    },
    async set(key, value) {
      if ((await keychain.setGenericPassword("latchkey", value, service(key))) === false) {
        throw new Error("the keychain did not take it");
      }
    },
    async remove(key) {
      await keychain.resetGenericPassword(service(key));
    },
  };
}
