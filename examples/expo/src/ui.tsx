import { codeField } from "@latchkey/client";
import { useState, type ReactNode } from "react";
import { Pressable, StyleSheet, Text, TextInput, useColorScheme, View } from "react-native";

const COLOURS = {
  light: { ground: "#fbfaf8", card: "#ffffff", text: "#1d2126", quiet: "#5a616b", accent: "#1f5fae", on: "#ffffff", bad: "#a3211b" },
  dark: { ground: "#16181c", card: "#1f2228", text: "#e9eaec", quiet: "#a6adb8", accent: "#8ab8f5", on: "#10213a", bad: "#ff9d94" },
};

export const useColours = () => COLOURS[useColorScheme() === "dark" ? "dark" : "light"];

export function Title({ children }: { children: string }) {
  return <Text accessibilityRole="header" style={[styles.title, { color: useColours().text }]}>{children}</Text>;
}

export function Say({ children, kind = "text" }: { children: string; kind?: "text" | "quiet" | "bad" }) {
  if (!children) return null;
  const live = kind === "bad" ? { accessibilityRole: "alert", accessibilityLiveRegion: "polite" } as const : {};
  return <Text {...live} style={[styles.text, { color: useColours()[kind] }]}>{children}</Text>;
}

export function Card({ title, children }: { title: string; children: ReactNode }) {
  return (
    <View style={[styles.card, { backgroundColor: useColours().card }]}>
      <Text accessibilityRole="header" style={[styles.heading, { color: useColours().text }]}>{title}</Text>
      {children}
    </View>
  );
}

export function Button({ title, label, first, disabled, press }: { title: string; label?: string; first?: boolean; disabled?: boolean; press: () => void }) {
  const { accent, on } = useColours();
  return (
    <Pressable
      accessibilityRole="button"
      accessibilityLabel={label ?? title}
      disabled={disabled ?? false}
      onPress={press}
      style={[styles.button, { borderColor: accent, backgroundColor: first ? accent : "transparent" }]}
    >
      <Text style={[styles.text, { color: first ? on : accent }]}>{title}</Text>
    </Pressable>
  );
}

const FIELDS = {
  phone: { inputMode: "tel", autoComplete: "tel" },
  code: codeField,
  text: { inputMode: "text", autoComplete: "off" },
} as const;

/** A field and its button; what was typed goes with either. */
export function Ask({ label, kind, action, send }: { label: string; kind: keyof typeof FIELDS; action: string; send: (value: string) => void }) {
  const [value, set] = useState("");
  const { ground, text, quiet } = useColours();
  return (
    <View>
      <Say kind="quiet">{label}</Say>
      <TextInput
        accessibilityLabel={label}
        {...FIELDS[kind]}
        value={value}
        onChangeText={set}
        onSubmitEditing={() => send(value.trim())}
        style={[styles.field, { backgroundColor: ground, color: text, borderColor: quiet }]}
      />
      <Button first title={action} press={() => send(value.trim())} />
    </View>
  );
}

const styles = StyleSheet.create({
  title: { fontSize: 26, fontWeight: "700", marginVertical: 16 },
  heading: { fontSize: 18, fontWeight: "700", marginBottom: 8 },
  text: { fontSize: 16, lineHeight: 24 },
  card: { padding: 16, borderRadius: 12, marginBottom: 16 },
  button: { minHeight: 48, paddingHorizontal: 16, borderWidth: 1, borderRadius: 8, alignItems: "center", justifyContent: "center", marginTop: 8 },
  field: { minHeight: 48, paddingHorizontal: 12, borderWidth: 1, borderRadius: 8, fontSize: 16 },
});
