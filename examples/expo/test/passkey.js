// What `react-native-passkey` does, by the browser's own passkeys: it fails with objects that are no errors.

const CALLED = { NotAllowedError: "UserCancelled", InvalidStateError: "CredentialAlreadyExists" };

const as = (ask) =>
  ask().then(
    (credential) => credential.toJSON(),
    ({ name, message }) => Promise.reject({ error: CALLED[name] ?? "Native error", message }),
  );

export const Passkey = {
  isSupported: () => true,
  create: (options) => as(() => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })),
  get: (options) => as(() => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) })),
};
