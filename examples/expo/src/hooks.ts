import type { Observable } from "@latchkey/client";
import { useEffect, useState, useSyncExternalStore } from "react";

import { client } from "./client";
import { sayProblem } from "./words";

/** What an observable of the client has now: a step of the sign-in, seconds of a countdown. */
export function useObserved<T>(observable: Observable<T>): T {
  return useSyncExternalStore(observable.subscribe, observable.get);
}

/** Whether somebody is signed in (null: not known yet), and why not any more. */
export function useSession() {
  const [session, set] = useState<{ isOn: boolean | null; notice: string }>({ isOn: null, notice: "" });
  useEffect(() => {
    const read = () => {
      client.auth.isSignedIn().then(
        (isOn) => set({ isOn, notice: "" }),
        // The keychain of a phone that was not unlocked since it started.
        (problem) => set({ isOn: null, notice: sayProblem(problem) }),
      );
    };
    read();
    return client.auth.onChange(({ signedIn, problem }) => set({ isOn: signedIn, notice: problem ? sayProblem(problem) : "" }));
  }, []);
  return session;
}

/** What was read, and what reads it anew. */
export function useRead<T>(read: () => Promise<T>) {
  const [value, set] = useState<T | null>(null);
  const [trouble, setTrouble] = useState("");
  const again = () => read().then(set, (problem) => setTrouble(sayProblem(problem)));
  useEffect(() => void again(), []);
  return { value, trouble, again };
}
