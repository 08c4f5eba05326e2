// What `expo-secure-store` does, in a page: of phones that keep 2,048 bytes at most under a key.

export const AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY = 1;

const name = (key) => {
  if (!/^[\w.-]+$/.test(key)) throw new Error("Invalid key provided to SecureStore");
  return `secure ${key}`;
};

export const getItemAsync = async (key) => localStorage.getItem(name(key));
export const deleteItemAsync = async (key) => localStorage.removeItem(name(key));
export async function setItemAsync(key, value) {
  if (value.length > 2_048) throw new Error("Value too large");
  localStorage.setItem(name(key), value);
}
