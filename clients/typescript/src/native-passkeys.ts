import type { Passkeys } from "./passkeys.js";
import { reasonOf } from "./world.js";

/** What this needs of `react-native-passkey`, 3 and later. */
export interface NativePasskey<Create, Get> {
  isSupported(): boolean;
  create(options: Create): Promise<{ id: string }>;
  get(options: Get): Promise<{ id: string }>;
}

/** `react-native-passkey`: `nativePasskeys(Passkey)` with `import { Passkey } from "react-native-passkey"`. */
export function nativePasskeys<Create, Get>(native: NativePasskey<Create, Get>): Passkeys {
  // Some phones leave out what is always the same.
  const whole = (credential: { id: string }) => ({ rawId: credential.id, type: "public-key", ...credential });
  return {
    isSupported: () => native.isSupported(),
    create: async (options) => whole(await native.create(options as Create)),
    async get(options, signal) {
      const credential = await native.get(options as Get);
      // The platform's dialogue cannot be closed from here; what comes of it can be left.
      if (signal?.aborted) throw reasonOf(signal);
      return whole(credential);
    },
  };
}
